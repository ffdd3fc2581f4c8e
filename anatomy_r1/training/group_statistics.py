"""What a group of G responses to one question tells: is there anything to learn from, and how unlike are they?

All three are pure functions of one group. The paper's Fig. 6: "We define a group as invalid if all responses within it
are incorrect"; diversity it only shows (Fig. 2), so distinct responses and the entropy of choices are our measures.

Example:
    >>> invalid([0.0, 0.0]), distinct(["A", None, "A", None]), entropy_bits(["A", "A", "B", None])
    (True, 2, 1.5)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import log2


def invalid(accuracies: Sequence[float]) -> bool:
    """Whether all responses are wrong, by the accuracy reward alone: form does not make a group valid.

    Raises:
        ValueError: for an empty group.
    """
    return _some(accuracies) and max(accuracies) <= 0


def distinct(values: Sequence[Hashable]) -> int:
    """Number of different responses, 1 to G; for choices, all that were not parsed (None) are one class of their own.

    Raises:
        ValueError: for an empty group.
    """
    return len(set(values)) if _some(values) else 0


def entropy_bits(choices: Sequence[Hashable]) -> float:
    """Shannon entropy of the choices in bits, 0 to log2 G; what was not parsed (None) is a class of its own.

    Plug-in estimate from G draws: it is biased downwards, alike for all methods of one G.

    Raises:
        ValueError: for an empty group.
    """
    total = len(choices) if _some(choices) else 0
    return sum(count / total * log2(total / count) for count in Counter(choices).values())


def _some(values: Sequence[object]) -> bool:
    if not len(values):
        raise ValueError("an empty group: a group has at least one response")
    return True
