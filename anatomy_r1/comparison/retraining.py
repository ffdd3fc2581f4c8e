"""What holds for the method, and not only for the weights that were compared: base and seed as random factors.

A difference d(g, b, s), in cluster g, from base b, under seed s, has the variance components of a design in which all
three are drawn anew. Bases and seeds are crossed with methods: both methods of a pair start from the same base under
the same seed, so that what a base or a seed gives to both cancels out. Two functions say two things, everywhere:

    these weights     `anatomy_r1.scoring.intervals.cluster_interval` of the mean over runs: other videos, these weights
    the method        `retraining_interval`: other videos, and trainings from other bases under other seeds

**Interval of the method.** Its variance is a sum (our choice; docs/statistics.md has its coverage):

    clusters    the cluster-robust variance of the differences averaged over runs             G - 1 degrees of freedom
    bases       the variance of the bases' means over B, which includes the noise of          B - 1
                trainings; at least that noise, as what is neither of base nor of seed        (B - 1)(S - 1)
                shows it
    seeds       the variance of the seeds' means over S, less what that noise explains of     S - 1
                it, at least 0: what a seed does to the trainings from all bases alike

Student's t has Satterthwaite's (1946) degrees of freedom. Interactions with clusters are in the first two terms and so
counted twice: the interval is too wide rather than too narrow. Three bases' means may be close to each other by chance.
Without the bound by the noise, the interval was then narrow and had the degrees of freedom of the clusters: at the
strict levels of Holm's procedure, false alarms were three times as many as stated, and more. With one base, the second
term is left out and the third is whole; such an interval says nothing of another base.

    >>> seeds = [[0.1, 0.3, 0.2, 0.0], [0.3, 0.3, 0.4, 0.2], [0.2, 0.4, 0.2, 0.2]]
    >>> found = retraining_interval(seeds, ["a", "b", "c", "d"])
    >>> round(found.mean, 3), round(found.se, 3), round(found.freedom, 1), found.over
    (0.233, 0.062, 4.8, 'clusters and seeds')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student_t

from anatomy_r1.bases import RunKey, distinct_seeds
from anatomy_r1.comparison.statistics import Verdict, detectable
from anatomy_r1.scoring.intervals import CONFIDENCE, Labels, cluster_interval

FEWEST = 3
"""Seeds, and bases if there are several, that an interval of the method requires (our choice): with two seeds, it
covered 88 %."""
_ROUNDING = 1e-24
"""Below this, a variance of shares is what rounding leaves where nothing varies; its p would be 0."""


@dataclass(frozen=True, slots=True)
class RetrainingInterval:
    """A mean difference with its interval for another training on other clusters, in the unit of the values."""

    mean: float
    low: float
    high: float
    se: float
    freedom: float
    """Degrees of freedom of Student's t."""
    bases: int = 1

    @property
    def over(self) -> str:
        """The factors that it generalises over, in words."""
        return "clusters, seeds and bases" if self.bases > 1 else "clusters and seeds"

    @property
    def p(self) -> float:
        """Two-sided p of the hypothesis that the mean is zero."""
        return float(2 * student_t.sf(abs(self.mean) / self.se, self.freedom))

    def detectable(self, level: float) -> float:
        """The true difference that would be found with 80 % power."""
        return self.se * detectable(self.freedom + 1, level)


def retraining_interval(
    values: ArrayLike, clusters: Labels, runs: Sequence[RunKey] | None = None
) -> RetrainingInterval | None:
    """Interval over `values`, shape [runs, n]; by default, the runs are seeds of one base.

    None if there are fewer than 3 seeds, two bases, or 2 clusters; if a base lacks one of the seeds; or if nothing
    varies.
    """
    table = np.asarray(values, dtype=float)
    means = _by_base_and_seed(table.mean(axis=1), runs or [RunKey("", seed) for seed in range(len(table))])
    over_clusters = cluster_interval(table.mean(axis=0), clusters)
    if means is None or over_clusters.se is None:
        return None
    parts = [(over_clusters.se**2, over_clusters.clusters - 1), *_training_variance(means)]
    variance = sum(part for part, _ in parts)
    if variance < _ROUNDING:
        return None
    freedom = variance**2 / sum(part**2 / of for part, of in parts)
    mean, se = over_clusters.mean, variance**0.5
    half = float(student_t.ppf(0.5 + CONFIDENCE / 2, freedom)) * se
    return RetrainingInterval(mean, mean - half, mean + half, se, freedom, len(means))


def _by_base_and_seed(means: NDArray[np.float64], runs: Sequence[RunKey]) -> NDArray[np.float64] | None:
    """Means of runs, shape [bases, seeds]; None if there are too few, or a base lacks a seed."""
    bases, seeds = sorted({run.base for run in runs}), distinct_seeds(runs)
    complete = len(set(runs)) == len(runs) == len(bases) * len(seeds)
    if not complete or len(seeds) < FEWEST or 1 < len(bases) < FEWEST:
        return None
    found = dict(zip(runs, means, strict=True))
    return np.array([[found[RunKey(base, seed)] for seed in seeds] for base in bases])


def _training_variance(means: NDArray[np.float64]) -> list[tuple[float, int]]:
    """Variance of the grand mean over bases and over seeds, each with its degrees of freedom."""
    bases, seeds = means.shape
    of_seeds = float(means.mean(axis=0).var(ddof=1)) / seeds
    if bases == 1:
        return [(of_seeds, seeds - 1)]
    of_bases = float(means.mean(axis=1).var(ddof=1)) / bases
    left = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    freedom = (bases - 1) * (seeds - 1)
    noise = float((left**2).sum()) / freedom / (bases * seeds)
    larger = (of_bases, bases - 1) if of_bases >= noise else (noise, freedom)
    return [larger, (max(0.0, of_seeds - noise), seeds - 1)]


def method_verdict(found: RetrainingInterval, p: float, *, level: float, smallest_difference: float) -> Verdict:
    """Our rule for the method; `p` is adjusted by Holm's procedure.

    No detectable difference is said only if the interval stays within the smallest difference of interest.
    """
    if p <= level and found.mean:
        return "better" if found.mean > 0 else "worse"
    within = max(-found.low, found.high) <= smallest_difference
    return "no detectable difference" if within else "underpowered"


def of_these_weights(found: Verdict, method: Verdict | None) -> bool:
    """Whether a verdict says nothing of another training: the method's is another one, or there is none.

    False for underpowered, which is no finding.
    """
    return found not in ("underpowered", method)
