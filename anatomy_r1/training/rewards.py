"""Rewards, in TRL's signature, over the same extractor that evaluation uses.

The paper names an accuracy and a format reward and states no weights; both are in {0, 1} and are added with weight 1,
as the authors' framework does in its example.

Example:
    >>> accuracy_reward(completions=["<answer> A </answer>"], options=[["Gut", "Liver"]], letter=["A"])
    [1.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anatomy_r1.scoring.extraction import well_formed
from anatomy_r1.scoring.strict import extract


def text_of(completion: str | list[dict[str, Any]]) -> str:
    """Text of a completion that TRL hands over as a string or as a list of chat turns."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def accuracy_reward(
    completions: Sequence[Any], options: Sequence[Sequence[str]], letter: Sequence[str], **_: Any
) -> list[float]:
    """1 where the extracted choice is the gold letter, else 0; unparsed is 0."""
    return [
        float(extract(text_of(completion), shown).choice == gold)
        for completion, shown, gold in zip(completions, options, letter, strict=True)
    ]


def format_reward(completions: Sequence[Any], **_: Any) -> list[float]:
    """1 where the completion is `<think>...</think>`, then `<answer>...</answer>`, and nothing else."""
    return [float(well_formed(text_of(completion), "think")) for completion in completions]
