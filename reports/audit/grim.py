"""GRIM: which percentages can come out of a whole number of right answers (Brown and Heathers, 2017).

A percentage with two decimals is possible for N questions of k responses only if some whole number m of right
responses gives it: round(100 m / (k N), 2). All in integers; a tie may have been rounded either way.

Example:
    >>> possible(3125, 5 * 1000), possible(3126, 5 * 1000), possible(3125, 5 * 2000)
    (False, True, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from reports.audit.cells import Cell, Cells

LARGEST = 6_000
"""Largest N tried. With k = 1 and two decimals, N = 10,000 allows everything. Ours."""


def possible(hundredths: int, responses: int) -> bool:
    """Whether some m of `responses` rounds to the percentage."""
    nearest = (2 * hundredths * responses + 10_000) // 20_000
    return any(
        0 <= m <= responses and abs(20_000 * m - 2 * hundredths * responses) <= responses
        for m in (nearest - 1, nearest, nearest + 1)
    )


def possible_if_cut(hundredths: int, responses: int) -> bool:
    """Whether some m of `responses` gives the percentage where it is cut off after two decimals, not rounded."""
    m = -(-hundredths * responses // 10_000)
    return m <= responses and m * 10_000 < (hundredths + 1) * responses


def impossible(cells: Cells, n: int) -> tuple[Cell, ...]:
    """Cells that `n` questions cannot give."""
    return tuple(cell for cell in cells if not possible(cell.hundredths, cell.k * n))


@lru_cache(maxsize=20_000)
def chance(responses: int) -> float:
    """Share of the 10,001 percentages with two decimals that are possible: what a random one would have."""
    m = np.arange(responses + 1, dtype=np.int64)
    low = -((responses - 20_000 * m) // (2 * responses))
    high = (20_000 * m + responses) // (2 * responses)
    reached = np.zeros(10_002, dtype=bool)
    reached[np.clip(low, 0, 10_001)] = True
    reached[np.clip(high, 0, 10_001)] = True
    return 1.0 if responses >= 10_000 else float(reached[:10_001].mean())


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a number of questions explains a benchmark's cells."""

    n: int
    fitting: int
    cells: int
    expected: float
    """Cells of random percentages that would fit."""
    tail: float
    """Chance that random percentages fit as many or more."""


def fits(cells: Cells, largest: int = LARGEST) -> tuple[Fit, ...]:
    """For every number of questions from 1 up to `largest`."""
    n = np.arange(1, largest + 1, dtype=np.int64)
    fitting, expected = np.zeros(largest, dtype=int), np.zeros(largest)
    spreads = [np.array([1.0])] * largest
    for k in sorted({cell.k for cell in cells}):
        values = [cell.hundredths for cell in cells if cell.k == k]
        shares = np.array([chance(k * int(one)) for one in n])
        fitting += sum(_possible(value, k * n) for value in values)
        expected += len(values) * shares
        masses = binom.pmf(np.arange(len(values) + 1), len(values), shares[:, np.newaxis])
        spreads = [np.convolve(before, mass) for before, mass in zip(spreads, masses, strict=True)]
    return tuple(
        Fit(int(one), int(fit), len(cells), float(mean), min(1.0, float(spread[fit:].sum())))
        for one, fit, mean, spread in zip(n, fitting, expected, spreads, strict=True)
    )


def inferred(found: Sequence[Fit]) -> Fit:
    """The number of questions whose fit chance explains least; the smaller of equals."""
    return min(found, key=lambda one: (one.tail, one.n))


def _possible(hundredths: int, responses: NDArray[np.int64]) -> NDArray[np.int64]:
    """`possible` for many totals at once, as 0 and 1: is a whole number between the ends of what rounds to it?"""
    low = np.maximum(-((responses - 2 * hundredths * responses) // 20_000), 0)
    high = np.minimum((2 * hundredths + 1) * responses // 20_000, responses)
    return np.asarray(low <= high, dtype=np.int64)
