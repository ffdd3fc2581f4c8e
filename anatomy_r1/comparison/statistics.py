"""Statistics of one difference between two systems, and the verdict. How to read them: docs/statistics.md.

**Sign-flip test**, paired, over clusters. If two methods are exchangeable, each cluster's sum of differences is as
likely to have the opposite sign: Fisher's randomisation test for pairs, with the cluster as the unit. Equal to
`scipy.stats.permutation_test(..., permutation_type="samples")` on the clusters' sums.

    >>> found = sign_flip([[1.0, 2.0, 0.5]], seed=0)[0]      # all three clusters gain
    >>> found.p, found.floor, found.exact
    (0.25, 0.25, True)

**Minimum detectable difference.** For a mean with standard error `se` and G clusters it is `se` times the c for which a
two-sided t test with G - 1 degrees of freedom at level a has 80 % power (that of the noncentral t):

    P(|Z + c| > t(1 - a/2) * sqrt(V / (G - 1))) = 0.8,   Z standard normal, V chi-square with G - 1 degrees of freedom

`statsmodels.stats.power.TTestPower` solves the same equation and agrees, except for few clusters and strict levels,
where its search does not converge (3 clusters at 0.0025: it gives 9.5 instead of 25.4).

    >>> round(detectable(clusters=40, level=0.05), 2), round(detectable(clusters=7, level=0.05), 2)
    (2.87, 3.37)

**Interquartile mean** of the seeds' scores. The lowest and highest quarter of the seeds are left out, rounded down, so
that one collapsed seed does not represent the method (Agarwal et al. 2021 recommend it for few runs). Its interval is
that of Tukey and McLaughlin (1963) for a trimmed mean: Student's t with h - 1 degrees of freedom for the h seeds kept,
and Yuen's (1974) standard error from the winsorised variance. It covers 93.7 % with four normal seeds and 93.5 % with
eight (200,000 simulations each); the simpler error of statsmodels covers 92.4 and 92.3 %.

    >>> round(interquartile_mean([0.1, 0.5, 0.52, 0.54]).mean, 2)     # leaves out the collapsed seed and the best one
    0.51
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, norm, trim_mean
from scipy.stats import t as student_t
from scipy.stats.mstats import winsorize

from anatomy_r1.scoring.intervals import CONFIDENCE

Verdict = Literal["better", "worse", "no detectable difference", "underpowered"]

LEVEL = 0.05
"""Chance of at least one false verdict in a family, unless it declares another."""
SMALLEST_DIFFERENCE = 0.05
"""Smallest difference of interest as a share (5 points), unless the family declares another (our guess)."""
EXACT_CLUSTERS = 32
"""Most clusters for which all sign patterns are counted: each half of them has 2^16 sums."""
DRAWS = 19_999
"""Random sign patterns for more clusters; with the observed one, p is a multiple of 1/20,000 (our choice)."""
POWER = 0.8
"""Chance of finding a difference as large as the minimum detectable one, by convention."""
TRIM = 0.25
"""Share of the seeds left out at either end of the interquartile mean."""


@dataclass(frozen=True, slots=True)
class SignFlip:
    """A two-sided test that the mean difference is zero."""

    p: float
    floor: float
    """Smallest p that this many clusters (or draws) allow: all clusters differ in the same direction."""
    exact: bool
    """Whether every sign pattern was counted."""
    draws: int
    """Random sign patterns drawn; 0 if exact."""
    seed: int | None
    """Seed of the draws; None if exact."""
    clusters: int


def sign_flip(sums: ArrayLike, *, seed: int) -> tuple[SignFlip, ...]:
    """Test each row of `sums` (shape [comparisons, clusters]: differences summed within clusters).

    For up to 32 clusters, all 2^G patterns are counted. For more, 19,999 random patterns are drawn, the same for all
    rows, and p = (1 + as extreme) / (1 + drawn), which is never 0 (Phipson and Smyth 2010).
    """
    table = np.asarray(sums, dtype=float)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"expected sums of shape [comparisons, clusters], found shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("a cluster's sum of differences is not finite; score the questions first")
    clusters = table.shape[1]
    floor = smallest_p(clusters)
    if clusters <= EXACT_CLUSTERS:
        return tuple(SignFlip(_exact_p(row), floor, True, 0, None, clusters) for row in table)
    return tuple(SignFlip(p, floor, False, DRAWS, seed, clusters) for p in _drawn_p(table, seed).tolist())


def smallest_p(clusters: int) -> float:
    """Two of 2^G patterns are the most extreme; the number of random draws is a further lower bound of p."""
    enumerated = min(1.0, 2.0 ** (1 - clusters))
    return enumerated if clusters <= EXACT_CLUSTERS else max(enumerated, 1 / (DRAWS + 1))


def _exact_p(row: NDArray[np.float64]) -> float:
    """Share of patterns with a sum at least as far from zero, from the patterns of two halves of the clusters."""
    kept = row[row != 0]  # the sign of a zero changes nothing
    least = _least(row)
    if least <= 0:
        return 1.0
    first, second = _all_sums(kept[: len(kept) // 2]), np.sort(_all_sums(kept[len(kept) // 2 :]))
    above = len(second) * len(first) - int(np.searchsorted(second, least - np.sort(first)).sum())
    return 2 * above / (len(first) * len(second))  # patterns come in pairs of opposite signs


def _least(row: NDArray[np.float64]) -> float:
    """The sum from which a pattern counts as extreme; rounding must not separate two equal sums."""
    return float(abs(row.sum()) - 1e-9 * np.abs(row).sum())


def _all_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums under all 2^k patterns of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_p(table: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    least = np.array([_least(row) for row in table])
    extreme = np.zeros(len(table), dtype=int)
    part = 1_000  # draws held in memory at once
    for start in range(0, DRAWS, part):
        signs = 2.0 * rng.integers(0, 2, (min(part, DRAWS - start), table.shape[1]), dtype=np.int8) - 1
        extreme += (np.abs(signs @ table.T) >= least).sum(axis=0)
    return (1 + extreme) / (1 + DRAWS)


@lru_cache(maxsize=4096)
def detectable(clusters: float, level: float) -> float:
    """Minimum detectable difference in standard errors; degrees of freedom, which need not be whole, are one fewer."""
    if clusters <= 1:
        raise ValueError(f"{clusters} cluster: a test needs two")
    if not 0 < level < POWER:
        raise ValueError(f"level {level} and power {POWER}: expected 0 < level < power < 1")
    freedom, grid = clusters - 1, (np.arange(8_000) + 0.5) / 8_000
    # The critical value times the ratio of estimated to true standard error, at each quantile of that ratio.
    limits = float(student_t.ppf(1 - level / 2, freedom)) * np.sqrt(chi2.ppf(grid, freedom) / freedom)

    def excess_power(c: float) -> float:
        return float((norm.sf(limits - c) + norm.cdf(-limits - c)).mean()) - POWER

    return float(brentq(excess_power, 0.0, float(limits.max()) + 10.0))


def detectable_difference(se: float | None, clusters: int, level: float) -> float | None:
    """Minimum detectable difference in the unit of `se`; None if `se` is None or exactly 0."""
    return None if not se else se * detectable(clusters, level)


@dataclass(frozen=True, slots=True)
class SeedMean:
    """Interquartile mean of the seeds' own means; its interval is None for one seed."""

    mean: float
    low: float | None
    high: float | None
    seeds: int
    kept: int
    """Seeds left after trimming."""


def interquartile_mean(values: ArrayLike) -> SeedMean:
    """Interquartile mean of one value per seed."""
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError(f"expected a finite value for each of at least one seed, found {x}")
    mean, kept = float(trim_mean(x, TRIM)), len(x) - 2 * int(TRIM * len(x))
    if kept < 2:
        return SeedMean(mean, None, None, len(x), kept)
    error = np.sqrt((len(x) - 1) * winsorize(x, limits=(TRIM, TRIM)).var(ddof=1) / (kept * (kept - 1)))
    half = float(student_t.ppf(0.5 + CONFIDENCE / 2, kept - 1) * error)
    return SeedMean(mean, mean - half, mean + half, len(x), kept)


def verdict(
    difference: float, p: float, floor: float, detectable: float | None, *, level: float, smallest_difference: float
) -> Verdict:
    """Our rule; `p` and `floor` are adjusted by Holm's procedure, and `detectable` is None if there is no error.

    Underpowered: not even a gain in every cluster would have been enough, or a difference that matters could have been
    missed. No detectable difference: one smaller than the minimum detectable one may well exist.
    """
    if p <= level and difference:
        return "better" if difference > 0 else "worse"
    if floor > level or (detectable is not None and detectable > smallest_difference):
        return "underpowered"
    return "no detectable difference"
