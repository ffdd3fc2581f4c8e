"""Reward functions in TRL's signature, scored by the same extractor as evaluation.

The paper has an accuracy and a format reward and states no weights. Both are in {0, 1} here and are added with weight
1, as in the example of the authors' framework.

A completion here is the text that evaluation would read: baselines/trainers/grpo.py puts what the chat template opened
(`<think>`) before it, and keeps tags that are special tokens.

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
    """Text of a completion, which TRL passes as a string or as a list of chat turns."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def accuracy_reward(
    completions: Sequence[Any], options: Sequence[Sequence[str]], letter: Sequence[str], **_: Any
) -> list[float]:
    """1 if the extracted choice is the gold letter, else 0; an unparsed completion gets 0."""
    return [
        float(extract(text_of(completion), shown).choice == gold)
        for completion, shown, gold in zip(completions, options, letter, strict=True)
    ]


def format_reward(completions: Sequence[Any], **_: Any) -> list[float]:
    """1 if the completion is `<think>...</think>`, then `<answer>...</answer>`, and nothing else; else 0."""
    return [float(well_formed(text_of(completion), "think")) for completion in completions]
