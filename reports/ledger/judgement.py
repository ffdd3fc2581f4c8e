"""Verdicts on claims, and how several are combined. The rules are ours.

The two scales are never mixed: `paper` is what the paper's own numbers, the released files and results on its models
and data say; `mini` is what a tiny network in a generated world did, which says nothing about Qwen2.5-VL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.comparison.statistics import Verdict
from reports.audit.claims import Quantifier

ClaimVerdict = Literal[
    "confirmed", "not confirmed", "contradicted", "underpowered", "not testable without the real data", "none"
]

MEANINGS: dict[ClaimVerdict, str] = {
    "confirmed": "shown by the test named, in the direction claimed",
    "not confirmed": "tested, and not shown; or what was released does not show it",
    "contradicted": "the test shows the opposite, or the paper's own numbers do",
    "underpowered": "too few questions, videos or training runs to show a difference that matters",
    "not testable without the real data": "needs the paper's models and data, which cannot be downloaded automatically",
    "none": "nothing at this scale bears on it",
}
_OF_COMPARISON: dict[Verdict, ClaimVerdict] = {
    "better": "confirmed",
    "worse": "contradicted",
    "no detectable difference": "not confirmed",
    "underpowered": "underpowered",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one claim at one scale."""

    verdict: ClaimVerdict
    why: str
    """What was done and the result, with numbers."""


NONE = Judgement("none", "Nothing at this scale bears on it.")


def of_comparison(word: Verdict, of_these_weights: bool = False) -> ClaimVerdict:
    """Verdict on the claim that a method is better, from that of a comparison.

    A result about the compared weights alone counts as underpowered: a claim is about a method.
    """
    return "underpowered" if of_these_weights else _OF_COMPARISON[word]


def of_interval(low: float | None, high: float | None) -> ClaimVerdict:
    """Verdict on the claim that a value is above 0, from its interval; not confirmed without one."""
    if low is None or high is None:
        return "not confirmed"
    return "confirmed" if low > 0 else "contradicted" if high < 0 else "not confirmed"


def combined(verdicts: Sequence[ClaimVerdict], quantifier: Quantifier = "all") -> ClaimVerdict:
    """The verdict on a claim about several comparisons.

    `all`: confirmed where all are; contradicted where any is; else underpowered where any is; else not confirmed.
    `most`: confirmed or contradicted where more than half are; else not confirmed.
    """
    if not verdicts:
        return "none"
    if quantifier == "most":
        ends: tuple[ClaimVerdict, ...] = ("confirmed", "contradicted")
        return next((word for word in ends if 2 * verdicts.count(word) > len(verdicts)), "not confirmed")
    if all(word == "confirmed" for word in verdicts):
        return "confirmed"
    worst: tuple[ClaimVerdict, ...] = ("contradicted", "underpowered")
    return next((word for word in worst if word in verdicts), "not confirmed")
