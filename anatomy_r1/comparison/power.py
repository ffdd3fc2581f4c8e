"""Minimum detectable difference (MDD): the smallest true difference that a test would find with 80 % power.

For a mean with standard error `se` and G clusters it is `se` times the c for which a two-sided t test with G - 1
degrees of freedom at level a has 80 % power:

    P(|Z + c| > t(1 - a/2) * sqrt(V / (G - 1))) = 0.8,   Z standard normal, V chi-square with G - 1 degrees of freedom

(the power of the noncentral t). For many clusters c is 1.96 + 0.84 = 2.80.

`statsmodels.stats.power.TTestPower` solves the same equation and agrees, except for few clusters and strict levels,
where its search does not converge (3 clusters at 0.0025: it gives 9.5 instead of 25.4). So the integral is computed
here.

The standard error is the observed one: the result is what *this* pair of methods on *this* test set could have shown.
It does not say whether a difference exists.

Example:
    >>> round(detectable(clusters=40, level=0.05), 2), round(detectable(clusters=7, level=0.05), 2)
    (2.87, 3.37)
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import t as student_t

POWER = 0.8
"""Chance of finding a difference as large as the minimum detectable one, by convention."""
_QUANTILES = (np.arange(8_000) + 0.5) / 8_000
"""Grid over which the chi-square variable is averaged."""


@lru_cache(maxsize=4096)
def detectable(clusters: int, level: float, power: float = POWER) -> float:
    """Minimum detectable difference in standard errors.

    Raises:
        ValueError: There are fewer than two clusters, or level and power are not 0 < level < power < 1.
    """
    if clusters < 2:
        raise ValueError(f"{clusters} cluster: a test needs two")
    if not (0 < level < 1 and level < power < 1):
        raise ValueError(f"level {level} and power {power}: expected 0 < level < power < 1")
    limits = _limits(clusters, level)

    def excess_power(c: float) -> float:
        return float((norm.sf(limits - c) + norm.cdf(-limits - c)).mean()) - power

    return float(brentq(excess_power, 0.0, float(limits.max()) + 10.0))


def _limits(clusters: int, level: float) -> np.ndarray:
    """Critical value times the ratio of estimated to true standard error, at each quantile of that ratio."""
    freedom = clusters - 1
    critical = float(student_t.ppf(1 - level / 2, freedom))
    return np.asarray(critical * np.sqrt(chi2.ppf(_QUANTILES, freedom) / freedom))


def detectable_difference(se: float | None, clusters: int, level: float) -> float | None:
    """Minimum detectable difference in the unit of `se`; None if `se` is None or exactly 0."""
    return None if not se else se * detectable(clusters, level)
