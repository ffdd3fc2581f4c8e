"""The gate: a reference and a fresh result on the same questions -> a verdict for each metric. Pure.

In this order: a fall larger than the tolerance is a **regression**; if a loss of the smallest difference of interest
would not fire with 95 %, the gate is **underpowered**; else there is **no regression** that it could detect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from anatomy_r1.comparison.compare import Flip, flips
from anatomy_r1.comparison.panel import ALL, Panel, Shares
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
from anatomy_r1.comparison.statistics import SMALLEST_DIFFERENCE
from anatomy_r1.comparison.systems import System
from anatomy_r1.errors import AnatomyR1Error

GateVerdict = Literal["regression", "underpowered", "no regression"]
HIGHER_IS_WORSE = ("truncated",)
BothRuns = tuple[list[Shares], list[Shares]]
"""The reference's runs and the fresh ones."""


@dataclass(frozen=True, slots=True)
class GateRule:
    """What is judged, and how strictly. A field out of range is an `AnatomyR1Error`."""

    mode: Mode = "sampling"
    metrics: tuple[str, ...] = (AVG,)
    by_category: bool = False
    """Whether each anatomy or question type is also judged."""
    false_alarms: float = FALSE_ALARMS
    """Share of honest evaluations that may fire, over everything judged."""
    smallest_difference: float = SMALLEST_DIFFERENCE
    """A loss, as a share, that must fire with 95 %, or the gate is underpowered."""

    def __post_init__(self) -> None:
        if not self.metrics or len(set(self.metrics)) < len(self.metrics) or not set(self.metrics) <= set(METRICS):
            raise AnatomyR1Error(f"metrics {' '.join(self.metrics)}: expected some of {', '.join(METRICS)}, each once")
        if not 0 < self.false_alarms < 0.5:
            raise AnatomyR1Error(f"false alarms {self.false_alarms}: expected a share, for example 0.02")
        if not 0 < self.smallest_difference <= 1:
            raise AnatomyR1Error("smallest difference: expected points above 0 and up to 100, for example 5")
        if self.mode == "sampling" and GREEDY in self.metrics:
            fix = "Fix: leave it out, or judge trainings with --mode training"
            raise AnatomyR1Error(f"{GREEDY}: sampling seeds do not move it, so they cannot show its noise. {fix}")


@dataclass(frozen=True, slots=True)
class JudgedMetric:
    """One metric, overall or in one category; all numbers are shares."""

    metric: str
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    questions: int
    reference: float
    fresh: float
    tolerance: Tolerance | None
    """None if it is only shown."""
    verdict: GateVerdict | None

    @property
    def fall(self) -> float:
        """How much worse the fresh result is."""
        change = self.fresh - self.reference
        return change if self.metric in HIGHER_IS_WORSE else -change


@dataclass(frozen=True, slots=True)
class FlippedQuestion(Flip):
    """A question that was right by majority vote on one side only."""

    before: float
    """Share of the responses that were right, over all runs."""
    after: float


FlippedQuestions = tuple[FlippedQuestion, ...]


@dataclass(frozen=True, eq=False)
class JudgedPair:
    """A fresh result and its reference, on one benchmark."""

    panel: Panel
    reference: System
    fresh: System
    judged: tuple[JudgedMetric, ...]
    shown: tuple[JudgedMetric, ...]
    """Metrics and categories that are not judged."""
    lost: FlippedQuestions
    """Right in the reference, wrong now; the largest changes first."""
    gained: FlippedQuestions

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        return self.panel.benchmark


@dataclass(frozen=True, eq=False)
class Gate:
    """Everything that one command judged."""

    rule: GateRule
    pairs: tuple[JudgedPair, ...]
    code: str = ""
    """Commit of the code that judged; empty outside a checkout."""

    @property
    def judged(self) -> tuple[tuple[JudgedPair, JudgedMetric], ...]:
        """Everything that has a verdict."""
        return tuple((pair, one) for pair in self.pairs for one in pair.judged)

    def of(self, verdict: GateVerdict) -> tuple[tuple[JudgedPair, JudgedMetric], ...]:
        """Everything with this verdict."""
        return tuple((pair, one) for pair, one in self.judged if one.verdict == verdict)


def judge(panels: Sequence[Panel], rule: GateRule, code: str = "") -> Gate:
    """Judge the second system of each panel against the first.

    Raises:
        AnatomyR1Error: A metric is not known for every run, or the reference does not show its noise.
    """
    categories = [(ALL, *panel.categories) if rule.by_category else (ALL,) for panel in panels]
    quantities = len(rule.metrics) * sum(map(len, categories))
    pairs = []
    for panel, names in zip(panels, categories, strict=True):
        (reference, fresh), everything = panel.systems, _runs(panel, ALL)
        judged = [_judged(panel, metric, name, rule, quantities) for metric in rule.metrics for name in names]
        others = [metric for metric in METRICS if metric not in rule.metrics and _known(everything, metric)]
        shown = [_shown(everything, metric, ALL) for metric in others]
        if not rule.by_category:
            shown += [_shown(_runs(panel, category), rule.metrics[0], category) for category in panel.categories]
        lost, gained = _flipped(everything, panel.questions)
        pairs.append(JudgedPair(panel, reference, fresh, tuple(judged), tuple(shown), lost, gained))
    return Gate(rule, tuple(pairs), code)


def _runs(panel: Panel, category: str) -> BothRuns:
    reference, fresh = (panel.shares[system.name].values() for system in panel.systems)
    of = panel.mask(category)

    def masked(run: Shares) -> Shares:
        return {metric: run[metric][of] for metric in METRICS if metric in run}

    return [*map(masked, reference)], [*map(masked, fresh)]


def _known(runs: BothRuns, metric: str) -> bool:
    """A submission may not record which responses were truncated."""
    return all(metric in run for side in runs for run in side)


def _shown(runs: BothRuns, metric: str, category: str) -> JudgedMetric:
    reference, fresh = (float(np.mean([run[metric].mean() for run in side])) for side in runs)
    return JudgedMetric(metric, category, len(runs[0][0][metric]), reference, fresh, tolerance=None, verdict=None)


def _judged(panel: Panel, metric: str, category: str, rule: GateRule, quantities: int) -> JudgedMetric:
    runs = _runs(panel, category)
    if not _known(runs, metric):
        raise AnatomyR1Error(f"{panel.benchmark}: {metric} is not known for every run. Fix: leave it out of --metrics")
    measured, count = noise(metric, *runs, rule.mode), len(runs[1])
    found = tolerance(measured, fresh=count, mode=rule.mode, judged=quantities, false_alarms=rule.false_alarms)
    if found is None:
        problem, fix = "one training does not show how trainings differ", "name two or more seeds, preferably five"
        if rule.mode == "sampling":
            problem = f"one evaluation does not show the noise of {metric}"
            fix = "name two or more, with other sampling seeds, or leave the metric out"
        raise AnatomyR1Error(f"{panel.systems[0].name}: {problem}. Fix: {fix}")
    bare = _shown(runs, metric, category)
    verdict: GateVerdict = "underpowered" if found.detectable > rule.smallest_difference else "no regression"
    if bare.fall > found.limit + 1e-12:  # a fall by rounding is none
        verdict = "regression"
    return replace(bare, tolerance=found, verdict=verdict)


def _flipped(runs: BothRuns, questions: pd.DataFrame) -> tuple[FlippedQuestions, FlippedQuestions]:
    """Right in the reference and wrong now, and the reverse; the largest changes first."""
    (major, majors), (before, after) = (
        [np.mean([run[metric] for run in side], axis=0) for side in runs] for metric in (MAJOR, AVG)
    )
    shares = {str(name): (float(a), float(b)) for name, a, b in zip(questions["id"], before, after, strict=True)}

    def largest_first(which: Sequence[Flip]) -> FlippedQuestions:
        found = (FlippedQuestion(one.id, one.category, one.cluster, *shares[one.id]) for one in which)
        return tuple(sorted(found, key=lambda one: (-abs(one.after - one.before), one.id)))

    found = flips(major, majors, questions, MAJOR)
    return largest_first(found.lost), largest_first(found.gained)
