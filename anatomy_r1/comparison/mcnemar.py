"""McNemar's test: of the questions on which two methods disagree, does one win more than a fair coin would?

**It ignores clusters.** Questions of one video hang together, so its p is too small wherever they do; it stands beside
the sign-flip test because the literature reports it, and decides nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar


@dataclass(frozen=True, slots=True)
class McNemar:
    """Two methods' right and wrong answers to the same questions."""

    both: int
    first_only: int
    """Right for the first, wrong for the second."""
    second_only: int
    neither: int
    p: float
    """Exact (binomial) and two-sided, as if questions were independent."""


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Exact test (statsmodels) of two right-or-wrong outcomes, one of each a question, in the same order.

    Raises:
        ValueError: when the lengths differ, or an outcome is neither 0 nor 1.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"expected one outcome a question of each method, found shapes {a.shape} and {b.shape}")
    if not np.isin([a, b], (0.0, 1.0)).all():
        raise ValueError("an outcome is neither right (1) nor wrong (0); McNemar's test knows no shares")
    both, second_only = int((a * b).sum()), int(((1 - a) * b).sum())
    first_only, neither = int((a * (1 - b)).sum()), int(((1 - a) * (1 - b)).sum())
    test = statsmodels_mcnemar([[both, first_only], [second_only, neither]], exact=True)
    return McNemar(both, first_only, second_only, neither, float(test.pvalue))
