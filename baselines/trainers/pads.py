"""Image tokens as vLLM wants them beside training (TRL's colocate mode)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby


def one_pad_an_image(tokens: Sequence[int], pad: int) -> list[int]:
    """Runs of the image's padding token as one: TRL hands over expanded prompts, and vLLM expands what it gets.

    (huggingface/trl#6294, #6718, #6719; seen in TRL 1.16.0's `VLLMGeneration.generate`.)

    Example:
        >>> one_pad_an_image([5, 9, 9, 9, 6, 9, 9], pad=9)
        [5, 9, 6, 9]
    """
    return [token for value, run in groupby(tokens) for token in ([value] if value == pad else run)]
