"""Uncertainty over training seeds: what other seeds might have shown, alone and together with other clusters.

**Interquartile mean** of the seeds' scores. The lowest and highest quarter of the seeds are left out, rounded down, so
that one collapsed seed does not represent the method (Agarwal et al. 2021 recommend it for few runs). With three seeds
it is the mean. Its interval is that of Tukey and McLaughlin (1963) for a trimmed mean: Student's t with h - 1 degrees
of freedom for the h seeds kept, and Yuen's (1974) standard error from the winsorised variance. It covers 93.7 % with
four normal seeds and 93.5 % with eight (200,000 simulations each); the simpler error of statsmodels covers 92.4 and
92.3 %. A bootstrap over three to five seeds would be far too narrow.

    >>> round(interquartile_mean([0.1, 0.5, 0.52, 0.54]).mean, 2)     # leaves out the collapsed seed and the best one
    0.51

**Interval over clusters and seeds** of a difference. An interval over clusters alone is about the weights that were
compared, but a method is more than one training. If d(g, s), the difference in cluster g under seed s, has both drawn
anew, its mean over G clusters and S seeds has variance

    var(clusters) / G + var(seeds) / S + var(interaction) / (G S)

The standard error here is the square root of the cluster-robust variance of the differences averaged over seeds, plus
the variance of the seeds' means over S. Each of the two includes the interaction, which so counts twice: the interval
is too wide rather than too narrow. Student's t has Satterthwaite's (1946) degrees of freedom; three seeds that vary
leave little more than two, and the interval is wide, as it should be. The sum is our choice, and so is the minimum of
three seeds: with two, the interval covered 88 %. For its coverage see `docs/statistics.md`.

    >>> seeds = [[0.1, 0.3, 0.2, 0.0], [0.3, 0.3, 0.4, 0.2], [0.2, 0.4, 0.2, 0.2]]
    >>> found = retraining_interval(seeds, ["a", "b", "c", "d"])
    >>> round(found.mean, 3), round(found.se, 3), round(found.freedom, 1)
    (0.233, 0.062, 4.8)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student_t
from scipy.stats import trim_mean
from statsmodels.stats.robust_compare import TrimmedMean

from anatomy_r1.scoring.intervals import CONFIDENCE, Labels, seeded_interval

TRIM = 0.25
"""Share of the seeds left out at either end."""
FEWEST_SEEDS = 3
"""Seeds that an interval over clusters and seeds requires (our choice, see above)."""


@dataclass(frozen=True, slots=True)
class SeedMean:
    """Interquartile mean of the seeds' own means."""

    mean: float
    low: float | None
    """Lower bound; None for one seed."""
    high: float | None
    seeds: int
    kept: int
    """Seeds left after trimming."""


def interquartile_mean(values: ArrayLike, confidence: float = CONFIDENCE) -> SeedMean:
    """Interquartile mean of one value per seed.

    Raises:
        ValueError: There is no seed, or a value is not finite.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError(f"expected a finite value for each of at least one seed, found {x}")
    mean, kept = float(trim_mean(x, TRIM)), len(x) - 2 * int(TRIM * len(x))
    if kept < 2:
        return SeedMean(mean, None, None, len(x), kept)
    error = np.sqrt((len(x) - 1) * TrimmedMean(x, TRIM).var_winsorized / (kept * (kept - 1)))
    half = float(student_t.ppf(0.5 + confidence / 2, kept - 1) * error)
    return SeedMean(mean, mean - half, mean + half, len(x), kept)


@dataclass(frozen=True, slots=True)
class RetrainingInterval:
    """A mean difference with its interval for another training on other clusters, in the unit of the values."""

    mean: float
    low: float
    high: float
    se: float
    freedom: float
    """Degrees of freedom of Student's t."""


def retraining_interval(
    values: ArrayLike, clusters: Labels, confidence: float = CONFIDENCE
) -> RetrainingInterval | None:
    """Interval over `values`, shape [seeds, n]; None for fewer than three seeds or two clusters, or if nothing varies.

    Raises:
        ValueError: As `anatomy_r1.scoring.intervals.seeded_interval`.
    """
    table = np.asarray(values, dtype=float)
    found = seeded_interval(table, clusters, confidence)
    over_clusters = found.interval
    if found.spread is None or found.seeds < FEWEST_SEEDS or over_clusters.se is None:
        return None
    parts = np.array([over_clusters.se**2, found.spread**2 / found.seeds])
    variance = float(parts.sum())
    if variance == 0:
        return None
    freedom = variance**2 / float((parts**2 / [over_clusters.clusters - 1, found.seeds - 1]).sum())
    half = float(student_t.ppf(0.5 + confidence / 2, freedom)) * variance**0.5
    mean = over_clusters.mean
    return RetrainingInterval(mean, mean - half, mean + half, variance**0.5, freedom)
