"""Calibration: comparisons whose right outcome is known, judged as any other (docs/calibration.md).

An instrument that finds differences must be shown to find none where there is none, and those that are known to be
there. Outcomes are the verdicts of the method (`retraining.method_verdict`), over clusters, seeds and bases. With too
few bases and seeds for that, nothing is judged: weights of two trainings differ even where methods do not, so that a
difference between them is no false alarm, nor does it show that the method's would be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from anatomy_r1.comparison.compare import Comparison, compare
from anatomy_r1.comparison.family import METRICS, Family
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.refusal import method_of
from anatomy_r1.comparison.systems import System

if TYPE_CHECKING:
    import pandas as pd

Expected = Literal["identical", "no difference", "worse", "better", "not worse"]
Outcome = Literal["as expected", "missed", "false alarm", "not judged"]


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A comparison of two methods of one model with its right outcome, for the second."""

    baseline: str
    other: str
    expected: Expected
    why: str
    prompts_differ: bool = False
    """Whether the two methods answer differently asked questions: that is what they are."""


KNOWN: tuple[KnownAnswer, ...] = (
    KnownAnswer("grpo", "grpo-again", "no difference", "the same method under other seeds"),
    KnownAnswer("grpo", "grpo-gdqa-off", "identical", "GDQA without its two parts is GRPO"),
    KnownAnswer("grpo-asc-pool", "grpo-asc-shuffled", "no difference", "levels that mean nothing"),
    KnownAnswer("grpo", "grpo-flipped", "worse", "a tenth of the rewards is wrong"),
    KnownAnswer("grpo", "grpo-twice", "not worse", "twice the steps"),
    KnownAnswer("sft", "cot-sft", "better", "the rationale names what must be seen", prompts_differ=True),
)
"""Declared in code, before any of them was run."""
METRIC = METRICS[0]


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A known answer with what was found."""

    known: KnownAnswer
    comparison: Comparison
    identical: bool
    """Whether the question tables of all runs in common are equal, in all that both record."""

    @property
    def verdict(self) -> str:
        """Of the method where there is one, else of these weights."""
        test = self.comparison.test
        assert test is not None, "every known answer belongs to the family"
        return test.method.verdict if test.method else test.verdict

    @property
    def outcome(self) -> Outcome:
        """Whether the verdict is the right one; not judged without the method's, unless answers must be the same."""
        test = self.comparison.test
        if self.known.expected != "identical" and (test is None or test.method is None):
            return "not judged"
        return outcome(self.known.expected, self.verdict, self.identical)


def outcome(expected: Expected, verdict: str, identical: bool = False) -> Outcome:
    """A negative is a false alarm if a difference is found; a positive is missed unless its direction is found.

    Identical systems must be so in every answer: any difference is a false alarm. *Not worse* is missed only by worse.
    """
    if expected == "identical":
        return "as expected" if identical else "false alarm"
    if expected == "no difference":
        return "false alarm" if verdict in ("better", "worse") else "as expected"
    if expected == "not worse":
        return "missed" if verdict == "worse" else "as expected"
    return "as expected" if verdict == expected else "missed"


def calibrate(systems: Sequence[System], known: Sequence[KnownAnswer] = KNOWN, *, seed: int = 0) -> list[Calibrated]:
    """The known answers among systems of one benchmark, model and arm, judged as one family.

    Answers of which a system is missing are left out. They still belong to the family, with p = 1.

    Raises:
        AnatomyR1Error: Two systems were evaluated under different conditions, or have no run in common.
    """
    by_method = {method_of(system): system for system in systems}
    there = [one for one in known if {one.baseline, one.other} <= by_method.keys()]
    if not there:
        return []
    names = {method: system.name for method, system in by_method.items()}
    declared = (frozenset(names.get(method, method) for method in (one.baseline, one.other)) for one in known)
    family = Family("known answers", METRIC, tuple(declared))
    pairs = [(by_method[one.baseline], by_method[one.other]) for one in there]
    allowed = [("prompts",) if one.prompts_differ else () for one in there]
    made = [panel for pair, kinds in zip(pairs, allowed, strict=True) for panel in panels(pair, kinds)]
    judged = {(one.baseline, one.other): one for one in compare(made, family, seed=seed)}
    return [Calibrated(one, judged[pair], _same_answers(*pair)) for one, pair in zip(there, pairs, strict=True)]


def _same_answers(first: System, second: System) -> bool:
    """Whether the question tables of all common runs are equal in all that both record; False without such runs."""
    runs = {run.key: run for run in second.runs}
    common = [(run.questions, runs[run.key].questions) for run in first.runs if run.key in runs]
    return bool(common) and all(_equal(*pair) for pair in common)


def _equal(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    shared = [name for name in first.columns if name in second.columns]  # older stores lack some
    return first[shared].equals(second[shared])
