"""A reference and a fresh result on the same questions -> a verdict for each metric. Pure.

In this order: a fall larger than the tolerance is a **regression**; where a loss of the smallest difference of interest
would not fire with 95 %, the gate is **underpowered**; else there is **no regression** that it could see.

What a gate judges by and comes to, as values: the rule, what was judged, and all of one command.

Questions that a fresh result answers otherwise than its reference, with how many responses were right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.comparison.outcome import ALL, Flip, flips
from anatomy_r1.comparison.panel import Panel, Shares
from anatomy_r1.comparison.regression_gate.tolerance import (
    AVG,
    FALSE_ALARMS,
    GREEDY,
    MAJOR,
    METRICS,
    Mode,
    Tolerance,
    noise,
    tolerance,
)
from anatomy_r1.comparison.systems import System
from anatomy_r1.comparison.verdict import SMALLEST_DIFFERENCE
from anatomy_r1.errors import AnatomyR1Error


@dataclass(frozen=True, slots=True)
class Flipped:
    """A question that was right by majority vote on one side only."""

    id: str
    category: str
    cluster: str
    before: float
    """Share of the responses that were right, over all runs."""
    after: float


def flipped(
    reference: Sequence[Shares], fresh: Sequence[Shares], questions: pd.DataFrame
) -> tuple[tuple[Flipped, ...], tuple[Flipped, ...]]:
    """Right in the reference and wrong now, and the reverse; the largest changes first."""
    (major, majors), (before, after) = (
        [np.mean([run[metric] for run in runs], axis=0) for runs in (reference, fresh)] for metric in (MAJOR, AVG)
    )
    found = flips(major, majors, questions, MAJOR)
    shares = {str(name): (float(a), float(b)) for name, a, b in zip(questions["id"], before, after, strict=True)}

    def named(which: Sequence[Flip]) -> Iterator[Flipped]:
        for one in which:
            yield Flipped(one.id, one.category, one.cluster, *shares[one.id])

    lost, gained = (
        tuple(sorted(named(of), key=lambda one: (-abs(one.after - one.before), one.id)))
        for of in (found.lost, found.gained)
    )
    return lost, gained


Verdict = Literal["regression", "underpowered", "no regression"]
HIGHER_IS_WORSE = ("truncated",)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is judged, and how strictly.

    Raises:
        AnatomyR1Error: when a part of it makes no sense; says what would.
    """

    mode: Mode = "sampling"
    metrics: tuple[str, ...] = (AVG,)
    by_category: bool = False
    """Whether each anatomy or question type is judged besides the whole."""
    false_alarms: float = FALSE_ALARMS
    """Share of honest evaluations that may fire, over everything judged."""
    smallest_difference: float = SMALLEST_DIFFERENCE
    """Loss, as a share, that must be noticed with 95 %, or the gate is underpowered."""

    def __post_init__(self) -> None:
        if not self.metrics or len(set(self.metrics)) < len(self.metrics) or not set(self.metrics) <= set(METRICS):
            raise AnatomyR1Error(f"metrics {' '.join(self.metrics)}: expected some of {', '.join(METRICS)}, each once")
        if not 0 < self.false_alarms < 0.5:
            raise AnatomyR1Error(f"false alarms {self.false_alarms}: expected a share, for example 0.02")
        if not 0 < self.smallest_difference <= 1:
            raise AnatomyR1Error("smallest difference: expected points above 0 and up to 100, for example 5")
        if self.mode == "sampling" and GREEDY in self.metrics:
            fix = "Fix: leave it out, or judge trainings with --mode training"
            raise AnatomyR1Error(f"{GREEDY}: sampling seeds do not move it, so that they show no noise of it. {fix}")


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric, overall or of one category; all numbers are shares."""

    metric: str
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    questions: int
    reference: float
    fresh: float
    tolerance: Tolerance | None
    """None where it is only shown."""
    verdict: Verdict | None

    @property
    def fall(self) -> float:
        """How much worse the fresh result is."""
        change = self.fresh - self.reference
        return change if self.metric in HIGHER_IS_WORSE else -change


@dataclass(frozen=True, eq=False)
class Pair:
    """A fresh result against its reference, on one benchmark."""

    panel: Panel
    reference: System
    fresh: System
    judged: tuple[Judged, ...]
    shown: tuple[Judged, ...]
    """Metrics and categories that are not judged."""
    lost: tuple[Flipped, ...]
    """Right in the reference, wrong now; the largest falls first."""
    gained: tuple[Flipped, ...]

    @property
    def benchmark(self) -> str:
        """Its name."""
        return self.panel.benchmark


@dataclass(frozen=True, eq=False)
class Gate:
    """All of one command."""

    rule: Rule
    pairs: tuple[Pair, ...]
    code: str = ""
    """Commit of the code that judged; empty outside a checkout."""

    @property
    def judged(self) -> tuple[tuple[Pair, Judged], ...]:
        """Everything that has a verdict."""
        return tuple((pair, one) for pair in self.pairs for one in pair.judged)

    def of(self, verdict: Verdict) -> tuple[tuple[Pair, Judged], ...]:
        """All with this verdict."""
        return tuple((pair, one) for pair, one in self.judged if one.verdict == verdict)


Runs = tuple[list[Shares], list[Shares]]
"""Those of the reference and the fresh ones."""


def judge(panels: Sequence[Panel], rule: Rule, code: str = "") -> Gate:
    """Judge the second system of each panel against the first.

    Raises:
        AnatomyR1Error: when a metric is not known of every run, or the reference does not show its noise.
    """
    quantities = sum(len(rule.metrics) * len(_categories(panel, rule.by_category)) for panel in panels)
    return Gate(rule, tuple(_pair(panel, rule, quantities) for panel in panels), code)


def _categories(panel: Panel, each: bool) -> tuple[str, ...]:
    return (ALL, *(sorted(set(panel.categories.tolist())) if each else ()))


def _pair(panel: Panel, rule: Rule, quantities: int) -> Pair:
    (reference, fresh), everything = panel.systems, _runs(panel, ALL)
    judged = [
        _judged(panel, metric, category, rule, quantities)
        for metric in rule.metrics
        for category in _categories(panel, rule.by_category)
    ]
    others = [
        _shown(everything, metric, ALL)
        for metric in METRICS
        if metric not in rule.metrics and _known(everything, metric)
    ]
    if not rule.by_category:
        categories = _categories(panel, True)[1:]
        others += [_shown(_runs(panel, category), rule.metrics[0], category) for category in categories]
    lost, gained = flipped(*everything, panel.questions)
    return Pair(panel, reference, fresh, tuple(judged), tuple(others), lost, gained)


def _runs(panel: Panel, category: str) -> Runs:
    of = np.ones(len(panel.questions), dtype=bool) if category == ALL else panel.categories == category
    reference, fresh = ([_only(run, of) for run in panel.shares[system.name].values()] for system in panel.systems)
    return reference, fresh


def _only(run: Shares, of: NDArray[np.bool_]) -> Shares:
    return {metric: values[of] for metric, values in run.items() if metric in METRICS}


def _known(runs: Runs, metric: str) -> bool:
    """Of a submission it may not be known which responses were cut off."""
    return all(metric in run for side in runs for run in side)


def _shown(runs: Runs, metric: str, category: str) -> Judged:
    reference, fresh = (float(np.mean([run[metric].mean() for run in side])) for side in runs)
    return Judged(metric, category, len(runs[0][0][metric]), reference, fresh, tolerance=None, verdict=None)


def _judged(panel: Panel, metric: str, category: str, rule: Rule, quantities: int) -> Judged:
    runs = _runs(panel, category)
    if not _known(runs, metric):
        raise AnatomyR1Error(f"{panel.benchmark}: {metric} is not known of every run. Fix: leave it out of --metrics")
    measured, fresh = noise(metric, *runs, rule.mode), len(runs[1])
    found = tolerance(measured, fresh=fresh, mode=rule.mode, judged=quantities, false_alarms=rule.false_alarms)
    if found is None:
        raise AnatomyR1Error(_unknown(metric, panel.systems[0].name, rule.mode))
    bare = _shown(runs, metric, category)
    return replace(bare, tolerance=found, verdict=_verdict(bare.fall, found, rule.smallest_difference))


def _unknown(metric: str, name: str, mode: Mode) -> str:
    if mode == "training":
        return f"{name}: one training does not show how trainings differ. Fix: name two or more seeds, better five"
    return (
        f"{name}: one evaluation does not show the noise of {metric}. Fix: name two or more, with other sampling "
        "seeds, or leave the metric out"
    )


def _verdict(fall: float, found: Tolerance, smallest: float) -> Verdict:
    if fall > found.limit + 1e-12:  # rounding is no fall
        return "regression"
    return "underpowered" if found.detectable > smallest else "no regression"
