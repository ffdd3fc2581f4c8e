"""How far a metric may fall before it is called a regression, and which loss would be noticed. One-sided.

Sampling, R runs of the reference and F fresh ones of the same weights; s: standard error of one run. A **tolerance
limit**: with 99 % confidence in the reference, at most a share `a` of honest re-evaluations fire:

    k = z(1 - a) / sqrt(F) + z(0.99) / sqrt(R)
    limit = k sqrt(s^2 + u^2) + (1 + k^2 / 4) u                       u: one response (or question), as a share

A mere prediction limit would hold on average over references; one that was lucky once would then fire on every second
honest evaluation, for as long as it is the reference. The last term is for rare events, whose normal limit is too small
(none of 5,000 unreadable, and then one): squaring out sqrt(Y) <= sqrt(X + 1) + k / 2 for Poisson counts X, Y. Ours.

s^2 is the larger of the draw of responses and the scatter of the repeats. Where the repeats scatter so much that the
draw would show it in one reference of a hundred (chi-square), sampling is not all there is, and the limit is at least
the t prediction limit from the repeats. Training always uses that one, with the draw as the least variance:

    limit = t(1 - a; R - 1) sqrt(max(between, within)) sqrt(1 / R + 1 / F)

Several metrics are judged at a / m and 1 - 0.01 / m each (Bonferroni).

Example:
    >>> noise = Noise(within=0.0055**2, between=None, runs=1, unit=1 / 5000)       # 1,000 questions
    >>> found = tolerance(noise, fresh=1, mode="sampling", judged=1)
    >>> round(found.limit, 3), round(found.detectable, 3)
    (0.025, 0.038)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, nct, norm
from scipy.stats import t as student_t

from anatomy_r1.comparison.regression_gate.noise import Mode, Noise

FALSE_ALARMS = 0.02
"""Ours: share of honest re-evaluations that may fire, over all metrics judged."""
UNLUCKY = 0.01
"""Ours: share of references for which more may fire, and of references that are taken for scattering too much."""
POWER = 0.95
"""Ours: chance with which the loss called detectable is noticed."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Both as shares, of a fall or (for truncation) a rise."""

    limit: float
    """What a fall may not exceed."""
    detectable: float
    """True loss that fires with 95 %."""
    error: float
    """Standard error of the difference."""
    rests_on: str
    """`sampling`, `repeats` (which scatter more than sampling explains) or `trainings`."""


def tolerance(
    noise: Noise, *, fresh: int, mode: Mode, judged: int, false_alarms: float = FALSE_ALARMS
) -> Tolerance | None:
    """Of a difference to the mean of `fresh` runs, one of `judged` quantities; None where nothing shows the noise.

    Raises:
        ValueError: when counts or rates make no sense.
    """
    if fresh < 1 or judged < 1 or not 0 < false_alarms < 0.5:
        raise ValueError(f"fresh {fresh}, judged {judged}, false alarms {false_alarms}: expected 1, 1, 0 to 0.5")
    known = [one for one in (noise.within, noise.between) if one is not None]
    if not known or (mode == "training" and noise.between is None):
        return None
    level, spread = false_alarms / judged, 1 / noise.runs + 1 / fresh
    error = float(np.sqrt(max(known) * spread))
    if mode == "training":
        limit, detectable = _prediction(noise, error, level)
        return Tolerance(limit, detectable, error, "trainings")
    limit, rests_on = _sampling(noise, max(known), fresh, level, UNLUCKY / judged), "sampling"
    if overdispersed(noise):
        limit, rests_on = max(limit, _prediction(noise, error, level)[0]), "repeats"
    return Tolerance(limit, limit + float(norm.ppf(POWER)) * error, error, rests_on)


def overdispersed(noise: Noise) -> bool:
    """Whether the reference's repeats scatter more than the draw of responses explains (chi-square, 1 %)."""
    if noise.between is None or noise.within is None:
        return noise.between is not None  # nothing else to go by
    freedom = noise.runs - 1
    return noise.between * freedom > noise.within * float(chi2.ppf(1 - UNLUCKY, freedom))


def _sampling(noise: Noise, variance: float, fresh: int, level: float, unlucky: float) -> float:
    k = float(norm.ppf(1 - level) / np.sqrt(fresh) + norm.ppf(1 - unlucky) / np.sqrt(noise.runs))
    return k * float(np.sqrt(variance + noise.unit**2)) + (1 + k * k / 4) * noise.unit


def _prediction(noise: Noise, error: float, level: float) -> tuple[float, float]:
    """Limit, and the loss that exceeds it with 95 %, were the scatter what it was measured to be."""
    limit, detectable = _in_errors(noise.runs - 1, level)
    return limit * error, detectable * error


@lru_cache(maxsize=1024)
def _in_errors(freedom: int, level: float) -> tuple[float, float]:
    """Quantile of t, and the noncentrality at which t exceeds it with 95 %: both in standard errors."""
    critical = float(student_t.ppf(1 - level, freedom))

    def caught(c: float) -> float:
        return float(nct.sf(critical, freedom, c)) - POWER

    return critical, float(brentq(caught, 0.0, 10.0 + 20 * critical))
