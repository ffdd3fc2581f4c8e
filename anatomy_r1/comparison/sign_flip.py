"""Paired sign-flip test over clusters: is a method's gain larger than chance alone would give?

If two methods are exchangeable, each cluster's sum of differences is as likely to have the opposite sign. So the total
is compared with its distribution over all patterns of signs (Fisher's randomisation test for pairs, with the cluster as
the unit). Questions of one video share a sign, so they are never taken to be independent. Equal to
`scipy.stats.permutation_test(..., permutation_type="samples")` on the clusters' sums.

Example:
    >>> found = sign_flip([[1.0, 2.0, 0.5]], seed=0)[0]      # all three clusters gain
    >>> found.p, found.floor, found.exact
    (0.25, 0.25, True)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

EXACT_CLUSTERS = 32
"""Most clusters for which all sign patterns are counted: each half of them has 2^16 sums."""
DRAWS = 19_999
"""Random sign patterns for more clusters; with the observed one, p is a multiple of 1/20,000 (our choice)."""
_PART = 1_000
"""Draws held in memory at once."""


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


def smallest_p(clusters: int) -> float:
    """Two of 2^G patterns are the most extreme; the number of random draws is a further lower bound of p."""
    enumerated = min(1.0, 2.0 ** (1 - clusters))
    return enumerated if clusters <= EXACT_CLUSTERS else max(enumerated, 1 / (DRAWS + 1))


def sign_flip(sums: ArrayLike, *, seed: int) -> tuple[SignFlip, ...]:
    """Test each row of `sums` (shape [comparisons, clusters]: differences summed within clusters).

    For up to 32 clusters, all 2^G patterns are counted. For more, 19,999 random patterns are drawn, the same for all
    rows, and p = (1 + as extreme) / (1 + drawn), which is never 0 (Phipson and Smyth 2010).

    Raises:
        ValueError: `sums` does not have two dimensions, has no clusters, or has a value that is not finite.
    """
    table = np.asarray(sums, dtype=float)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"expected sums of shape [comparisons, clusters], found shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("a cluster's sum of differences is not finite; score the questions first")
    clusters = table.shape[1]
    if exact := clusters <= EXACT_CLUSTERS:
        values = [_exact_p(row) for row in table]
    else:
        values = _drawn_p(table, seed).tolist()
    drawn, used = (0, None) if exact else (DRAWS, seed)
    return tuple(SignFlip(p, smallest_p(clusters), exact, drawn, used, clusters) for p in values)


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
    for start in range(0, DRAWS, _PART):
        size = (min(_PART, DRAWS - start), table.shape[1])
        signs = 2.0 * rng.integers(0, 2, size, dtype=np.int8) - 1
        extreme += (np.abs(signs @ table.T) >= least).sum(axis=0)
    return (1 + extreme) / (1 + DRAWS)
