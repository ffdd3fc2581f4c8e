"""The comparison: panels in, every number out. Pure; the seed is that of random sign patterns alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.comparison.family import METRICS, Family, Pair
from anatomy_r1.comparison.outcome import (
    ALL,
    Comparison,
    Difference,
    Flips,
    Tested,
    flip_metric,
    flips,
)
from anatomy_r1.comparison.paired_tests import SignFlip, sign_flip
from anatomy_r1.comparison.panel import Panel, difference, seeds_of_pair
from anatomy_r1.comparison.power import detectable_difference
from anatomy_r1.comparison.seeds import Retrained, retrained
from anatomy_r1.comparison.systems import System
from anatomy_r1.comparison.verdict import SMALLEST_DIFFERENCE, of_these_weights, verdict
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.intervals import Interval, cluster_codes, cluster_intervals, cluster_sums


def family_of(panels: Sequence[Panel], metric: str, smallest_points: float | None = None) -> Family:
    """The family where none was declared: all comparisons of the command, at our level.

    Raises:
        AnatomyR1Error: when the smallest difference of interest makes no sense.
    """
    pairs = tuple(_pair(*pair) for panel in panels for pair in panel.pairs)
    smallest = SMALLEST_DIFFERENCE if smallest_points is None else smallest_points / 100
    try:
        return Family("all comparisons of this command", metric, pairs, smallest_difference=smallest)
    except ValueError as error:
        raise AnatomyR1Error(f"{error}. Fix: --smallest-difference 5") from error


def compare(panels: Sequence[Panel], family: Family, *, seed: int = 0) -> tuple[Comparison, ...]:
    """Every pair of every panel, with the tests that the family asks for.

    Raises:
        AnatomyR1Error: when none of the family's comparisons is among the pairs.
    """
    matrices = [_differences(panel) for panel in panels]
    at = METRICS.index(family.metric)
    found = {
        _pair(*pair): flip
        for panel, matrix in zip(panels, matrices, strict=True)
        for pair, flip in zip(panel.pairs, _sign_flips(panel, matrix[:, at], seed), strict=True)
    }
    judged = _judged(family, found)
    return tuple(
        comparison
        for panel, matrix in zip(panels, matrices, strict=True)
        for comparison in _compared(panel, matrix, family, judged)
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """A test before its verdict."""

    flip: SignFlip
    p: float
    floor: float


def _judged(family: Family, found: Mapping[Pair, SignFlip]) -> dict[Pair, _Judged]:
    raw = {pair: flip.p for pair, flip in found.items() if pair in family.pairs}
    if not raw:
        names = ", ".join(sorted(name for pair in found for name in pair))
        declared = ", ".join(" and ".join(sorted(pair)) for pair in family.pairs)
        fix = "Fix: name the systems that it declares, or call yours so: NAME=PATH"
        raise AnatomyR1Error(f"family {family.name!r}: none of its comparisons ({declared}) among {names}. {fix}")
    adjusted = family.adjusted(raw)
    return {
        pair: _Judged(found[pair], p, family.adjusted_floor(pair, found[pair].floor, raw))
        for pair, p in adjusted.items()
    }


def _pair(baseline: System, other: System) -> Pair:
    return frozenset((baseline.name, other.name))


def mean_shares(panel: Panel, system: System, seeds: Sequence[int]) -> NDArray[np.float64]:
    """Shape [metrics, n]: each question's share, averaged over `seeds`."""
    of = panel.shares[system.name]
    return np.asarray([np.mean([of[seed][metric] for seed in seeds], axis=0) for metric in METRICS])


def _differences(panel: Panel) -> NDArray[np.float64]:
    """Shape [pairs, metrics, n]."""
    return np.stack([_difference(panel, *pair) for pair in panel.pairs])


def _difference(panel: Panel, baseline: System, other: System) -> NDArray[np.float64]:
    first, second = seeds_of_pair(baseline, other)
    return mean_shares(panel, other, second) - mean_shares(panel, baseline, first)


def _sign_flips(panel: Panel, values: NDArray[np.float64], seed: int) -> tuple[SignFlip, ...]:
    code = cluster_codes(panel.clusters)
    return sign_flip(cluster_sums(values, code, int(code.max()) + 1), seed=seed)


def _compared(
    panel: Panel, matrix: NDArray[np.float64], family: Family, judged: Mapping[Pair, _Judged]
) -> Iterator[Comparison]:
    overall, by_category = _intervals(matrix, panel.clusters), _by_category(panel, matrix, family.metric)
    for index, (baseline, other) in enumerate(panel.pairs):
        by_seed = _by_seed(panel, baseline, other, family.metric)
        again = retrained(by_seed, panel.clusters) if len(by_seed) else None
        test = judged.get(_pair(baseline, other))
        strict = {family.metric: family.strictest_level} if test else {}
        differences = [
            _with_power(metric, ALL, interval, strict.get(metric, family.level))
            for metric, interval in zip(METRICS, overall[index], strict=True)
        ]
        tested = differences[METRICS.index(family.metric)]
        differences += [
            _with_power(family.metric, category, rows[index][0], family.level) for category, rows in by_category.items()
        ]
        yield Comparison(
            benchmark=panel.benchmark,
            baseline=baseline,
            other=other,
            seeds=_common(baseline, other),
            spread=float(by_seed.mean(axis=1).std(ddof=1)) if len(by_seed) > 1 else None,
            retrained=again,
            differences=tuple(differences),
            test=_tested(family, test, tested, again) if test else None,
            flips=_flips(panel, baseline, other, flip_metric(family.metric)),
        )


def _by_category(panel: Panel, matrix: NDArray[np.float64], metric: str) -> dict[str, list[tuple[Interval, ...]]]:
    at, found = METRICS.index(metric), {}
    for category in sorted(set(panel.categories)):
        of = panel.categories == category
        found[str(category)] = _intervals(matrix[:, at : at + 1, of], panel.clusters[of])
    return found


def _intervals(matrix: NDArray[np.float64], clusters: NDArray[np.str_]) -> list[tuple[Interval, ...]]:
    """Of each pair and metric, all in one pass."""
    pairs, metrics, n = matrix.shape
    flat = cluster_intervals(matrix.reshape(pairs * metrics, n), clusters)
    return [flat[start : start + metrics] for start in range(0, pairs * metrics, metrics)]


def _with_power(metric: str, category: str, interval: Interval, level: float) -> Difference:
    return Difference(metric, category, interval, detectable_difference(interval.se, interval.clusters, level), level)


def _tested(family: Family, test: _Judged, difference: Difference, again: Retrained | None) -> Tested:
    word = verdict(
        difference.interval.mean,
        test.p,
        test.floor,
        difference.detectable,
        level=family.level,
        smallest_difference=family.smallest_difference,
    )
    return Tested(test.flip, test.p, test.floor, word, of_these_weights(word, again, family.smallest_difference))


def _common(baseline: System, other: System) -> tuple[int, ...]:
    first, second = seeds_of_pair(baseline, other)
    return tuple(first) if first == second else ()


def _by_seed(panel: Panel, baseline: System, other: System, metric: str) -> NDArray[np.float64]:
    """Shape [shared seeds, n]."""
    return np.asarray([difference(panel, baseline, other, seed, metric) for seed in _common(baseline, other)])


def _flips(panel: Panel, baseline: System, other: System, metric: str) -> Flips:
    first, second = seeds_of_pair(baseline, other)
    at = METRICS.index(metric)
    before, after = mean_shares(panel, baseline, first)[at], mean_shares(panel, other, second)[at]
    return flips(before, after, panel.questions, metric)
