"""Paired comparisons of systems: differences with intervals, tests and verdicts; next to them each system's own scores.

Each question's difference between two systems is averaged over the bases and seeds that both have. Differences get an
interval over clusters in every metric and category; the family's metric over all questions is also tested (sign-flip
test over clusters, Holm over the family) and gets a verdict. All functions are pure; `seed` affects only randomly drawn
sign patterns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.bases import RunKey, distinct_seeds, factors_text, named_bases
from anatomy_r1.comparison import statistics
from anatomy_r1.comparison.family import METRICS, Declaration, Family, Pair
from anatomy_r1.comparison.panel import ALL, Panel, SystemPair, runs_of_pair
from anatomy_r1.comparison.retraining import (
    RetrainingInterval,
    method_verdict,
    of_these_weights,
    retraining_interval,
)
from anatomy_r1.comparison.systems import System
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.fitness import ExtractorBand, order_alarm, reservations
from anatomy_r1.scoring.intervals import ROUNDING, Interval, cluster_codes, cluster_intervals, cluster_sums
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import LENIENT

RESPONSES = ("parsed", "truncated")
"""Shares of the sampled responses from which an answer could be read, and that ended at the token limit."""
SHOWN = (*METRICS, LENIENT, *RESPONSES)
"""What is shown of each system, as far as its runs have it."""

AdjustedTest = tuple[statistics.SignFlip, float, float]
"""A test, and its p and the smallest p that it allows, both adjusted by Holm's procedure."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean paired difference, other minus baseline, in one metric, as a share."""

    metric: str
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    interval: Interval
    detectable: float | None
    """Minimum detectable difference at 80 % power; None if no error can be estimated."""
    level: float
    """Level of the minimum detectable difference: the family's over its size if this is tested, else the family's."""


@dataclass(frozen=True, slots=True)
class MethodTest:
    """The test of the methods rather than of these weights, by the interval over clusters, seeds and bases."""

    p: float
    """Student's t, adjusted by Holm's procedure."""
    detectable: float
    """Minimum detectable difference at the family's level over its size."""
    verdict: statistics.Verdict


@dataclass(frozen=True, slots=True)
class HypothesisTest:
    """The test of a comparison that belongs to the family."""

    flip: statistics.SignFlip
    p: float
    """Adjusted by Holm's procedure."""
    floor: float
    """Smallest adjusted p that this number of clusters allows."""
    verdict: statistics.Verdict
    of_these_weights: bool
    """Whether the verdict was not shown to hold for another training as well."""
    method: MethodTest | None = None
    """The test of the method; None where there is no interval of it."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that one system gets right and the other wrong."""

    id: str
    category: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Flips:
    """All flipped questions of a pair."""

    metric: str
    """The metric by which a question counts as right."""
    gained: tuple[Flip, ...]
    """Wrong for the baseline, right for the other."""
    lost: tuple[Flip, ...]
    """Right for the baseline, wrong for the other."""
    questions: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """One system against another."""

    benchmark: str
    baseline: System
    other: System
    seeds: tuple[int, ...]
    """Seeds in common; empty if there are none and each system was averaged over its own."""
    spread: float | None
    """Standard deviation of the difference over the common runs; None for fewer than two."""
    retrained: RetrainingInterval | None
    """Interval of the family's metric over clusters, seeds and bases; None for too few (`retraining_interval`)."""
    order: str
    """In words, that the choice of extractor turns the order of the two; empty if it does not, or is not known."""
    differences: tuple[Difference, ...]
    test: HypothesisTest | None
    """None outside the family."""
    flips: Flips
    bases: tuple[str, ...] = ()
    """Bases in common; empty where they have no name."""
    runs: int = 0
    """Pairs of trainings from the same base under the same seed."""
    factors: str = ""
    """Seeds and bases of these pairs, in words; empty if there are none."""

    @property
    def reservations(self) -> tuple[str, ...]:
        """What must be read before the verdict: unfit runs, and an order that the choice of extractor turns."""
        return reservations((*self.baseline.unfit, *self.other.unfit), self.benchmark, self.order)

    def difference(self, metric: str, category: str = ALL) -> Difference:
        """The difference in a metric and category."""
        return next(one for one in self.differences if (one.metric, one.category) == (metric, category))


@dataclass(frozen=True, slots=True)
class SystemScore:
    """One metric of one system, as a share, over all its seeds."""

    metric: str
    category: str
    interval: Interval
    """Over clusters; each question is averaged over bases and seeds first."""
    seeds: int
    """Runs: every base under every seed."""
    spread: float | None
    """Standard deviation of the runs' means; None for one."""
    over_seeds: statistics.SeedMean
    system: System


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything that one command computes; reports are made from this alone."""

    panels: tuple[Panel, ...]
    comparisons: tuple[Comparison, ...]
    scores: tuple[SystemScore, ...]
    family: Family
    declaration: Declaration | None
    """None if the family was not declared but follows from the command."""
    code: str
    """Commit of the code that compared; empty outside a checkout."""

    @property
    def reservations(self) -> tuple[str, ...]:
        """Those of all comparisons, each once; unfit runs first."""
        found = dict.fromkeys(line for one in self.comparisons for line in one.reservations)
        return tuple(sorted(found, key=lambda line: not line.startswith("UNFIT")))


def undeclared_family(panels: Sequence[Panel], metric: str, smallest_points: float | None = None) -> Family:
    """The family if none was declared: all comparisons of the panels, at the default level."""
    pairs = tuple(_names(pair) for panel in panels for pair in panel.pairs)
    smallest = statistics.SMALLEST_DIFFERENCE if smallest_points is None else smallest_points / 100
    try:
        return Family("all comparisons of this command", metric, pairs, smallest_difference=smallest)
    except ValueError as error:
        fix = "--smallest-difference 5" if metric in METRICS else "name one of these"
        raise AnatomyR1Error(f"{error}. Fix: {fix}") from error


def analyse(
    panels: Sequence[Panel], family: Family, *, declaration: Declaration | None = None, code: str = "", seed: int = 0
) -> Analysis:
    """Comparisons and scores of all panels; errors as `compare`."""
    scores = tuple(score for panel in panels for score in _system_scores(panel, family.metric))
    return Analysis(tuple(panels), compare(panels, family, seed=seed), scores, family, declaration, code)


def _system_scores(panel: Panel, metric: str) -> Iterator[SystemScore]:
    """All metrics and shares of responses over all questions, and `metric` by category, of every system."""
    for category in (ALL, *panel.categories):
        metrics, of = SHOWN if category == ALL else (metric,), panel.mask(category)
        cells = [(system, name) for system in panel.systems for name in metrics if panel.has(system, name)]
        values = [panel.run_shares(system, name, system.keys).compress(of, axis=1) for system, name in cells]
        intervals = cluster_intervals(np.stack([one.mean(axis=0) for one in values]), panel.clusters[of])
        for (system, name), interval, one in zip(cells, intervals, values, strict=True):
            means = one.mean(axis=1)
            spread = float(means.std(ddof=1)) if len(means) > 1 else None
            middle = statistics.interquartile_mean(means)
            yield SystemScore(name, category, interval, len(means), spread, middle, system)


def compare(panels: Sequence[Panel], family: Family, *, seed: int = 0) -> tuple[Comparison, ...]:
    """Compare every pair of every panel, with a test for those that belong to the family.

    Raises:
        AnatomyR1Error: None of the family's comparisons is among the pairs.
    """
    differences = [_mean_differences(panel) for panel in panels]
    at = METRICS.index(family.metric)
    tests: dict[Pair, statistics.SignFlip] = {}
    for panel, of in zip(panels, differences, strict=True):
        code = cluster_codes(panel.clusters)
        flipped = statistics.sign_flip(cluster_sums(of[:, at], code, int(code.max()) + 1), seed=seed)
        tests |= zip(map(_names, panel.pairs), flipped, strict=True)
    raw = {pair: flip.p for pair, flip in tests.items() if pair in family.pairs}
    if not raw:
        names = ", ".join(sorted(name for pair in tests for name in pair))
        declared = ", ".join(" and ".join(sorted(pair)) for pair in family.pairs)
        fix = "Fix: name the systems that it declares, or give yours these names: NAME=PATH"
        raise AnatomyR1Error(f"family {family.name!r}: none of its comparisons ({declared}) among {names}. {fix}")
    adjusted = {
        pair: (tests[pair], p, family.adjusted_floor(pair, tests[pair].floor, raw))
        for pair, p in family.adjusted(raw).items()
    }
    trained = {_names(pair): _trained(panel, pair, family.metric) for panel in panels for pair in panel.pairs}
    intervals = {pair: one.interval for pair, one in trained.items() if one.interval and pair in family.pairs}
    for pair, p in family.adjusted({pair: interval.p for pair, interval in intervals.items()}).items():
        trained[pair] = trained[pair]._replace(p=p)
    return tuple(
        comparison
        for panel, of in zip(panels, differences, strict=True)
        for comparison in _compared(panel, of, family, adjusted, trained)
    )


class _Trained(NamedTuple):
    """What the trainings of a pair show of the methods."""

    runs: tuple[RunKey, ...]
    """Those in common; empty if there are none."""
    spread: float | None
    interval: RetrainingInterval | None
    p: float | None = None
    """Of the interval's t test, adjusted by Holm's procedure; None outside the family."""


def _trained(panel: Panel, pair: SystemPair, metric: str) -> _Trained:
    """Differences within base and seed, so that what these give to both methods cancels out."""
    runs, others = runs_of_pair(*pair)
    if runs != others:
        return _Trained((), None, None)
    baseline, other = (panel.run_shares(system, metric, runs) for system in pair)
    by_run = other - baseline
    spread = float(by_run.mean(axis=1).std(ddof=1)) if len(runs) > 1 else None
    return _Trained(runs, spread, retraining_interval(by_run, panel.clusters, runs))


def _names(pair: SystemPair) -> Pair:
    return frozenset(system.name for system in pair)


def _mean_shares(panel: Panel, pair: SystemPair, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the baseline and of the other, averaged over runs; shape [n] each."""
    first, second = (
        panel.run_shares(system, metric, runs).mean(axis=0)
        for system, runs in zip(pair, runs_of_pair(*pair), strict=True)
    )
    return first, second


def _mean_differences(panel: Panel) -> NDArray[np.float64]:
    """Other minus baseline of each pair, shape [pairs, metrics, n]; 0 where questions differ by rounding alone."""
    shares = [[_mean_shares(panel, pair, metric) for metric in METRICS] for pair in panel.pairs]
    found = np.asarray([[after - before for before, after in of] for of in shares])
    # Equal means over runs in another order differ in the last bit: in all clusters alike, that would be significant.
    return np.where(np.abs(found).max(axis=-1, keepdims=True) < ROUNDING, 0.0, found)


def _compared(
    panel: Panel,
    differences: NDArray[np.float64],
    family: Family,
    tests: Mapping[Pair, AdjustedTest],
    trained: Mapping[Pair, _Trained],
) -> Iterator[Comparison]:
    at = METRICS.index(family.metric)
    overall = _intervals(differences, panel.clusters)
    by_category = {
        category: _intervals(differences[:, at : at + 1, of], panel.clusters[of])
        for category in panel.categories
        for of in [panel.mask(category)]
    }
    # An average over responses does not say whether a question is right; the majority does.
    flip_metric = f"major@{K}" if family.metric == f"avg@{K}" else family.metric
    for index, pair in enumerate(panel.pairs):
        baseline, other = pair
        test = tests.get(_names(pair))
        tested_level = family.strictest_level if test else family.level
        found = [
            _with_power(metric, ALL, interval, tested_level if metric == family.metric else family.level)
            for metric, interval in zip(METRICS, overall[index], strict=True)
        ]
        found += [_with_power(family.metric, name, rows[index][0], family.level) for name, rows in by_category.items()]
        of_methods = trained[_names(pair)]
        yield Comparison(
            benchmark=panel.benchmark,
            baseline=baseline,
            other=other,
            seeds=distinct_seeds(of_methods.runs),
            spread=of_methods.spread,
            retrained=of_methods.interval,
            order=_order(panel, pair),
            differences=tuple(found),
            test=_judged(family, test, found[at], of_methods) if test else None,
            flips=flips(*_mean_shares(panel, pair, flip_metric), panel.questions, flip_metric),
            bases=named_bases(of_methods.runs),
            runs=len(of_methods.runs),
            factors=factors_text(of_methods.runs),
        )


def _order(panel: Panel, pair: SystemPair) -> str:
    if not all(panel.has(system, LENIENT) for system in pair):
        return ""
    shares = zip(*(_mean_shares(panel, pair, metric) for metric in (f"avg@{K}", LENIENT)), strict=True)
    bands = (
        ExtractorBand(system.short, 100 * float(strict.mean()), 100 * float(lenient.mean()))
        for system, (strict, lenient) in zip(pair, shares, strict=True)
    )
    return order_alarm(*bands)


def _intervals(differences: NDArray[np.float64], clusters: NDArray[np.str_]) -> list[tuple[Interval, ...]]:
    """Intervals of each pair and metric, computed in one pass; from shape [pairs, metrics, n]."""
    pairs, metrics, n = differences.shape
    flat = cluster_intervals(differences.reshape(pairs * metrics, n), clusters)
    return [flat[start : start + metrics] for start in range(0, pairs * metrics, metrics)]


def _with_power(metric: str, category: str, interval: Interval, level: float) -> Difference:
    detectable = statistics.detectable_difference(interval.se, interval.clusters, level)
    return Difference(metric, category, interval, detectable, level)


def _judged(
    family: Family,
    test: AdjustedTest,
    found: Difference,
    trained: _Trained,
) -> HypothesisTest:
    flip, p, floor = test
    smallest, mean = family.smallest_difference, found.interval.mean
    word = statistics.verdict(mean, p, floor, found.detectable, level=family.level, smallest_difference=smallest)
    method = None
    retrained = trained.interval
    if retrained is not None and trained.p is not None:
        said = method_verdict(retrained, trained.p, level=family.level, smallest_difference=smallest)
        method = MethodTest(trained.p, retrained.detectable(family.strictest_level), said)
    return HypothesisTest(flip, p, floor, word, of_these_weights(word, method.verdict if method else None), method)


def flips(baseline: NDArray[np.float64], other: NDArray[np.float64], questions: pd.DataFrame, metric: str) -> Flips:
    """Flips from each question's share over seeds, shape [n]: a share above one half counts as right (ours)."""
    before, after = baseline > 0.5, other > 0.5

    def named(mask: NDArray[np.bool_]) -> tuple[Flip, ...]:
        columns = (questions.loc[mask, name].astype(str) for name in ("id", "category", "cluster"))
        return tuple(Flip(*one) for one in zip(*columns, strict=True))

    return Flips(metric, named(~before & after), named(before & ~after), len(questions))
