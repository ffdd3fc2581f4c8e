"""The gate: a reference and a fresh result on the same questions -> a verdict for each metric. Pure.

In this order: a fall larger than the tolerance is a **regression**; if a loss of the smallest difference of interest
would not fire with 95 %, the gate is **underpowered**; else there is **no regression** that it could detect. The
reasons for each rule, and its error rates by simulation: docs/ci.md.

Both sides answer the same questions, so what is left of a difference is the draw of responses. If a share p of N
responses is right, p (1 - p) N / (N - 1) is an unbiased estimate of the variance of one response, and a metric's
variance is their sum over questions.

**Sampling**, with R runs of the reference and F fresh ones of the same weights, and s the standard error of one run: a
tolerance limit, with 99 % confidence in the reference that at most a share `a` of honest re-evaluations fire.

    k = z(1 - a) / sqrt(F) + z(0.99) / sqrt(R)
    limit = k sqrt(s^2 + u^2) + (1 + k^2 / 4) u                       u: one response (or question), as a share

The last term is for rare events, for which the normal limit is too small (none of 5,000 unreadable, and then one): it
squares out sqrt(Y) <= sqrt(X + 1) + k / 2 for Poisson counts X, Y (ours). s^2 is the larger of the draw of responses
and the variance of the repeats. If the repeats vary more than the draw would in 99 of 100 references (chi-square), the
limit is at least the t prediction limit from the repeats.

**Training** always uses that limit, with the draw, and one response (or question), as the least variance:

    limit = t(1 - a; R - 1) sqrt(max(between, within, u^2)) sqrt(1 / R + 1 / F)

Several metrics are judged at a / m and 1 - 0.01 / m each (Bonferroni).

    >>> noise = Noise(within=0.0055**2, between=None, runs=1, unit=1 / 5000)       # 1,000 questions
    >>> found = tolerance(noise, fresh=1, mode="sampling", judged=1)
    >>> round(found.limit, 3), round(found.detectable, 3)
    (0.025, 0.038)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2, nct, norm
from scipy.stats import t as student_t

from anatomy_r1.comparison.compare import Flip, flips
from anatomy_r1.comparison.panel import ALL, Panel, Shares
from anatomy_r1.comparison.statistics import SMALLEST_DIFFERENCE
from anatomy_r1.comparison.systems import System
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.fitness import ExtractorBand, order_alarm
from anatomy_r1.scoring.metrics import K

Mode = Literal["sampling", "training"]
GateVerdict = Literal["regression", "underpowered", "no regression"]
BothRuns = tuple[list[Shares], list[Shares]]
"""The reference's runs and the fresh ones."""
AVG, PASS, MAJOR, GREEDY = f"avg@{K}", "pass@1", f"major@{K}", "greedy"
METRICS = (AVG, PASS, MAJOR, GREEDY, "parsed", "truncated")
"""What can be judged: the metrics, and the shares of responses that are readable and that are truncated."""
OF_RESPONSES = (AVG, "parsed", "truncated")
"""Metrics that are means over the five responses."""
HIGHER_IS_WORSE = ("truncated",)
FALSE_ALARMS = 0.02
"""Share of honest re-evaluations that may fire, over all metrics judged (our choice)."""
UNLUCKY = 0.01
"""Share of references for which more may fire, or whose repeats are wrongly said to vary too much (our choice)."""
POWER = 0.95
"""Chance that the loss called detectable fires (our choice)."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of one run's metric, by source; in squared shares."""

    within: float | None
    """From the draw of responses alone; None if five responses do not show it."""
    between: float | None
    """Between the reference's runs; None for one run."""
    runs: int
    """Runs of the reference, R."""
    unit: float
    """Smallest step of the metric: one response, or one question."""


def noise(metric: str, reference: Sequence[Shares], fresh: Sequence[Shares], mode: Mode) -> Noise:
    """The noise of `metric`, from runs on the same questions (each run: metric -> shares of shape [n]).

    The fresh runs' own draw counts if it is the larger one: a policy may be as good, and less certain. The variance
    between runs is the reference's alone, so that a broken recipe cannot excuse itself.
    """
    means, questions = [float(run[metric].mean()) for run in reference], len(reference[0][metric])
    within = [found for of in (reference, fresh) if (found := _within(metric, of, mode)) is not None]
    between = float(np.var(means, ddof=1)) if len(means) > 1 else None
    unit = 1 / (questions * (K if metric in OF_RESPONSES else 1))
    return Noise(max(within, default=None), between, len(reference), unit)


def _within(metric: str, runs: Sequence[Shares], mode: Mode) -> float | None:
    """Repeats of the same weights are pooled; trainings are different policies, so their variances are averaged."""
    groups = [runs] if mode == "sampling" else [[run] for run in runs]
    known = [found for group in groups if (found := _of_same_weights(metric, group)) is not None]
    return float(np.mean(known)) if known else None


def _of_same_weights(metric: str, runs: Sequence[Shares]) -> float | None:
    if metric in OF_RESPONSES:
        return _draw(metric, runs, K * len(runs)) / K
    if metric == PASS:
        return _draw(AVG, runs, K * len(runs))
    if metric == MAJOR and len(runs) > 1:
        return _draw(MAJOR, runs, len(runs))
    return None


def _draw(metric: str, runs: Sequence[Shares], count: int) -> float:
    """Variance of a mean over questions with one outcome each, from their shares of `count` outcomes over all runs."""
    rates = np.mean([run[metric] for run in runs], axis=0)
    return float((rates * (1 - rates)).sum() * count / (count - 1) / len(rates) ** 2)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Limit and detectable loss, as shares, of a fall or (for truncation) a rise."""

    limit: float
    """A larger fall is a regression."""
    detectable: float
    """The true loss that fires with 95 %."""
    error: float
    """Standard error of the difference."""
    rests_on: str
    """`sampling`, `repeats` (which vary more than sampling explains) or `trainings`."""


def tolerance(
    noise: Noise, *, fresh: int, mode: Mode, judged: int, false_alarms: float = FALSE_ALARMS
) -> Tolerance | None:
    """Tolerance for the mean of `fresh` runs, one of `judged` quantities; None if nothing shows the noise."""
    if fresh < 1 or judged < 1 or not 0 < false_alarms < 0.5:
        raise ValueError(f"fresh {fresh}, judged {judged}, false alarms {false_alarms}: expected 1, 1, 0 to 0.5")
    known = [one for one in (noise.within, noise.between) if one is not None]
    if not known or (mode == "training" and noise.between is None):
        return None
    level, spread = false_alarms / judged, 1 / noise.runs + 1 / fresh
    least = noise.unit**2 if mode == "training" else 0.0  # few trainings may agree by chance, to the question
    error = float(np.sqrt(max(*known, least) * spread))
    if mode == "training":
        critical, shift = _in_errors(noise.runs - 1, level)
        return Tolerance(critical * error, shift * error, error, "trainings")
    k = float(norm.ppf(1 - level) / np.sqrt(fresh) + norm.ppf(1 - UNLUCKY / judged) / np.sqrt(noise.runs))
    limit = k * float(np.sqrt(max(known) + noise.unit**2)) + (1 + k * k / 4) * noise.unit
    rests_on = "sampling"
    if overdispersed(noise):
        limit, rests_on = max(limit, _in_errors(noise.runs - 1, level)[0] * error), "repeats"
    return Tolerance(limit, limit + float(norm.ppf(POWER)) * error, error, rests_on)


def overdispersed(noise: Noise) -> bool:
    """Whether the reference's repeats vary more than the draw of responses explains (chi-square, 1 %)."""
    if noise.between is None or noise.within is None:
        return noise.between is not None  # there is no draw to compare with
    freedom = noise.runs - 1
    return noise.between * freedom > noise.within * float(chi2.ppf(1 - UNLUCKY, freedom))


@lru_cache(maxsize=1024)
def _in_errors(freedom: int, level: float) -> tuple[float, float]:
    """Prediction limit, and the loss that exceeds it with 95 % if the true variance is the measured one."""
    critical = float(student_t.ppf(1 - level, freedom))

    def excess_power(c: float) -> float:
        return float(nct.sf(critical, freedom, c)) - POWER

    return critical, float(brentq(excess_power, 0.0, 10.0 + 20 * critical))


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
    order: str = ""
    """In words, that the choice of extractor turns the order of the two by more than the noise allows."""

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
    """Judge the second system of each panel against the first."""
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
        order = _order(panel, judged)
        pairs.append(JudgedPair(panel, reference, fresh, tuple(judged), tuple(shown), lost, gained, order))
    return Gate(rule, tuple(pairs), code)


def _order(panel: Panel, judged: Sequence[JudgedMetric]) -> str:
    """Empty too where a side's lenient score is not known, or both changes are within the noise."""
    bands, questions = [], len(panel.questions)
    for side, system in zip(("reference", "fresh"), panel.systems, strict=True):
        lenient = [run.avg_lenient for run in system.runs if len(run.questions) == questions]
        known = [share for share in lenient if share is not None]
        if len(known) < len(system.runs):
            return ""
        strict = np.mean([run[AVG].mean() for run in panel.shares[system.name].values()])
        bands.append(ExtractorBand(side, 100 * float(strict), 100 * float(np.mean(known))))
    allowed = [
        100 * one.tolerance.limit for one in judged if one.tolerance and (one.metric, one.category) == (AVG, ALL)
    ]
    first, second = bands
    moved = max(abs(second.strict - first.strict), abs(second.lenient - first.lenient))
    return order_alarm(first, second) if moved > max(allowed, default=0.0) else ""


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
