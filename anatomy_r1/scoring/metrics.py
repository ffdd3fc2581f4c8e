"""Choices -> metrics, as pure functions (paper, "Implementation Details").

`choices` is what the extractor read from the k = 5 sampled responses of one question: a letter or None, in the order
in which they were sampled. The paper's prose lets an expert score Avg@5 from 1 to 5, but its table is in percent and
behaves as a mean accuracy, so that is what it is here.

Example:
    >>> avg_at_k(["A", "B", None, "B", "B"], "B"), major_at_k(["A", "B", None, "B", "B"], "B")
    (0.6, True)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

K = 5
"""Sampled responses a question (paper, "Implementation Details")."""


def avg_at_k(choices: Sequence[str | None], gold: str) -> float:
    """Share of the responses that are right (Avg@5)."""
    return sum(choice == gold for choice in choices) / len(choices)


def pass_at_1(choices: Sequence[str | None], gold: str) -> bool:
    """Whether the first response is right (eq. 5 with k = 1)."""
    return choices[0] == gold


def majority(choices: Sequence[str | None]) -> str | None:
    """Most frequent choice; unparsed responses do not vote; ties go to the earliest; None when nothing parsed.

    The paper states no tie rule: the earliest is our choice.
    """
    votes = Counter(choice for choice in choices if choice is not None)
    top = max(votes.values(), default=0)
    return next((choice for choice in choices if choice is not None and votes[choice] == top), None)


def major_at_k(choices: Sequence[str | None], gold: str) -> bool:
    """Whether the majority answer is right (Major@5)."""
    return majority(choices) == gold


def parse_rate(choices: Sequence[str | None]) -> float:
    """Share of the responses from which a choice could be read."""
    return sum(choice is not None for choice in choices) / len(choices)
