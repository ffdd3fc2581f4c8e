"""Confidence intervals of means over questions that come in clusters (videos, slides, patients, images).

Questions about one video share its light, its patient and its surgeon, so 1,000 questions from seven videos carry far
less information than 1,000 independent draws. The intervals are cluster-robust t intervals: the sandwich (CR1) variance
of a mean with the factor G/(G-1), and Student's t with G-1 degrees of freedom, where G is the number of clusters
(Cameron and Miller, "A Practitioner's Guide to Cluster-Robust Inference", 2015, sections II.B and VI.B.1). They equal
`statsmodels` OLS on a constant with `cov_type="cluster", use_t=True`.

Example:
    >>> interval = cluster_interval([1, 1, 0, 1, 0, 0], ["a", "a", "b", "b", "c", "c"])
    >>> interval.clusters, round(interval.mean, 2), round(interval.se, 4)
    (3, 0.5, 0.2887)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes half a second to import

Labels = Sequence[Any] | NDArray[Any]
"""One cluster label per question. Labels with the same `str` are the same cluster."""

CONFIDENCE = 0.95
"""Confidence level of every interval that this project prints."""
ROUNDING = 1e-12
"""Shares closer to each other than this are equal: means of equal shares may differ in the last bits (ours)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its confidence interval, in the unit of the values (shares, not percent)."""

    mean: float
    """Mean over all questions, each with the same weight."""
    low: float | None
    """Lower bound; like the others, None with a single cluster, which allows no interval."""
    high: float | None
    se: float | None
    """Cluster-robust standard error."""
    clusters: int
    """Number of independent units, G."""
    n: int
    """Number of questions."""

    @property
    def degenerate(self) -> bool:
        """Whether no cluster deviates from the mean: the zero width then shows a lack of data, not certainty."""
        return self.se == 0.0

    def within(self, least: float = 0.0, most: float = 1.0) -> Interval:
        """The same, with its bounds clipped to what the quantity can be: for display, near 0 or 1.

        A t interval is symmetric and may leave the range of a share. Clipping does not change what it covers.
        """
        if self.low is None or self.high is None:
            return self
        return replace(self, low=max(self.low, least), high=min(self.high, most))

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval, and zero is outside it."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class SeededInterval:
    """A mean over several training seeds, evaluated on the same questions."""

    interval: Interval
    """Interval of the mean over seeds, over the clusters: what another sample of videos might have shown."""
    seeds: int
    spread: float | None
    """Standard deviation (n - 1) of the seeds' means: what another seed might have shown. None for one seed."""


def cluster_interval(values: ArrayLike, clusters: Labels, confidence: float = CONFIDENCE) -> Interval:
    """Mean of `values` (shape [n]) with an interval robust to correlation within `clusters` (n labels).

    Raises:
        ValueError: `values` is empty, the lengths differ, or a value is not finite.
    """
    return cluster_intervals(_checked(values, len(clusters))[np.newaxis], clusters, confidence)[0]


def cluster_intervals(values: ArrayLike, clusters: Labels, confidence: float = CONFIDENCE) -> tuple[Interval, ...]:
    """`cluster_interval` of each row of `values` (shape [rows, n]): many quantities of the same n questions at once."""
    rows = np.asarray(values, dtype=float)
    if rows.ndim != 2:
        raise ValueError(f"expected values of shape [rows, questions], found shape {rows.shape}")
    for row in rows:
        _checked(row, len(clusters))
    code, n = cluster_codes(clusters), len(clusters)
    groups, means = int(code.max()) + 1, rows.mean(axis=1)
    if groups == 1:
        return tuple(Interval(float(mean), None, None, None, 1, n) for mean in means)
    # CR1 standard errors: sqrt(G/(G-1) * sum over clusters of (sum of residuals)^2) / n.
    sums = cluster_sums(rows - means[:, np.newaxis], code, groups)
    errors = np.sqrt(groups / (groups - 1) * (sums * sums).sum(axis=1)) / n
    # Rounding leaves about 1e-16 when every value equals the mean; a width of 1e-17 would hide that it is zero.
    errors = np.where(np.abs(sums).max(axis=1) < 1e-12 * n, 0.0, errors)
    factor = float(stdtrit(groups - 1, 0.5 + confidence / 2))
    return tuple(
        Interval(mean, mean - factor * se, mean + factor * se, se, groups, n)
        for mean, se in zip(means.tolist(), errors.tolist(), strict=True)
    )


def cluster_codes(clusters: Labels) -> NDArray[np.intp]:
    """Cluster of each question as an integer from 0 to G - 1, in the order of the sorted labels."""
    return np.unique(np.asarray(clusters, dtype=str), return_inverse=True)[1]


def cluster_sums(values: NDArray[np.float64], code: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Sums over the questions of each cluster: from shape [rows, n] to [rows, groups]."""
    rows = len(values)
    place = code + groups * np.arange(rows)[:, np.newaxis]
    sums = np.bincount(place.ravel(), weights=values.ravel(), minlength=rows * groups)
    return np.asarray(sums, dtype=float).reshape(rows, groups)


def paired_interval(first: ArrayLike, second: ArrayLike, clusters: Labels) -> Interval:
    """Interval of the mean difference `first - second` of two methods on the same questions in the same order."""
    return cluster_interval(_checked(first, len(clusters)) - _checked(second, len(clusters)), clusters)


def ratio_interval(parts: ArrayLike, wholes: ArrayLike, clusters: Labels, confidence: float = CONFIDENCE) -> Interval:
    """Interval of sum(parts) / sum(wholes), one part and one whole per question, where the wholes vary.

    Delta method: the residual of a question is its part minus the ratio times its whole. With all wholes 1 this is
    `cluster_interval`; in general it equals `statsmodels` WLS of part / whole on a constant with the wholes as weights.
    Clusters whose wholes are all 0 count as clusters.
    """
    part, whole = _checked(parts, len(clusters)), _checked(wholes, len(clusters))
    if (total := float(whole.sum())) <= 0:
        raise ValueError("the wholes sum to zero: the ratio is undefined")
    ratio = float(part.sum()) / total
    return cluster_interval(ratio + (part - ratio * whole) * len(whole) / total, clusters, confidence)


def seeded_interval(values: ArrayLike, clusters: Labels) -> SeededInterval:
    """Interval over `values` of shape [seeds, n]: a question is averaged over seeds first, so that it counts once."""
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or not len(table):
        raise ValueError(f"expected values of shape [seeds, questions], found shape {table.shape}")
    interval = cluster_interval(table.mean(axis=0), clusters)
    spread = float(table.mean(axis=1).std(ddof=1)) if len(table) > 1 else None
    return SeededInterval(interval, len(table), spread)


def _checked(values: ArrayLike, length: int) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=float)
    if x.shape != (length,):
        raise ValueError(f"expected one value for each of {length} cluster labels, found shape {x.shape}")
    if not length:
        raise ValueError("no values: an interval needs at least one question")
    if not np.isfinite(x).all():
        raise ValueError(f"value {int(np.flatnonzero(~np.isfinite(x))[0])} is not finite; score the question first")
    return x
