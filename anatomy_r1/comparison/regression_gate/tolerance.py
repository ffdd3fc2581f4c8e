"""How far a metric may fall before it is called a regression, and which loss would be noticed. One-sided. Pure.

The reasons for each rule, and its error rates by simulation: docs/ci.md. Both sides answer the same questions, so what
is left of a difference is the draw of responses. If a share p of N responses is right, p (1 - p) N / (N - 1) is an
unbiased estimate of the variance of one response, and a metric's variance is their sum over questions.

**Sampling**, with R runs of the reference and F fresh ones of the same weights, and s the standard error of one run: a
tolerance limit, with 99 % confidence in the reference that at most a share `a` of honest re-evaluations fire.

    k = z(1 - a) / sqrt(F) + z(0.99) / sqrt(R)
    limit = k sqrt(s^2 + u^2) + (1 + k^2 / 4) u                       u: one response (or question), as a share

The last term is for rare events, for which the normal limit is too small (none of 5,000 unreadable, and then one): it
squares out sqrt(Y) <= sqrt(X + 1) + k / 2 for Poisson counts X, Y (ours). s^2 is the larger of the draw of responses
and the variance of the repeats. If the repeats vary more than the draw would in 99 of 100 references (chi-square), the
limit is at least the t prediction limit from the repeats.

**Training** always uses that limit, with the draw as the least variance:

    limit = t(1 - a; R - 1) sqrt(max(between, within)) sqrt(1 / R + 1 / F)

Several metrics are judged at a / m and 1 - 0.01 / m each (Bonferroni).

    >>> noise = Noise(within=0.0055**2, between=None, runs=1, unit=1 / 5000)       # 1,000 questions
    >>> found = tolerance(noise, fresh=1, mode="sampling", judged=1)
    >>> round(found.limit, 3), round(found.detectable, 3)
    (0.025, 0.038)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, nct, norm
from scipy.stats import t as student_t

from anatomy_r1.comparison.panel import Shares
from anatomy_r1.scoring.metrics import K

Mode = Literal["sampling", "training"]
AVG, PASS, MAJOR, GREEDY = f"avg@{K}", "pass@1", f"major@{K}", "greedy"
METRICS = (AVG, PASS, MAJOR, GREEDY, "parsed", "truncated")
"""What can be judged: the metrics, and the shares of responses that are readable and that are truncated."""
OF_RESPONSES = (AVG, "parsed", "truncated")
"""Metrics that are means over the five responses."""

FALSE_ALARMS = 0.02
"""Share of honest re-evaluations that may fire, over all metrics judged (our choice)."""
UNLUCKY = 0.01
"""Share of references for which more may fire, or whose repeats are wrongly said to vary too much (our choice)."""
POWER = 0.95
"""Chance that the loss called detectable fires (our choice)."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of one run's metric, by source; in squared shares."""

    within: float | None
    """From the draw of responses alone; None if five responses do not show it."""
    between: float | None
    """Between the reference's runs; None for one run."""
    runs: int
    """Runs of the reference, R."""
    unit: float
    """Smallest step of the metric: one response, or one question."""


def noise(metric: str, reference: Sequence[Shares], fresh: Sequence[Shares], mode: Mode) -> Noise:
    """The noise of `metric`, from runs on the same questions (each run: metric -> shares of shape [n]).

    The fresh runs' own draw counts if it is the larger one: a policy may be as good, and less certain. The variance
    between runs is the reference's alone, so that a broken recipe cannot excuse itself.
    """
    means = [float(run[metric].mean()) for run in reference]
    within = [found for of in (reference, fresh) if (found := _within(metric, of, mode)) is not None]
    questions = len(reference[0][metric])
    return Noise(
        within=max(within, default=None),
        between=float(np.var(means, ddof=1)) if len(means) > 1 else None,
        runs=len(reference),
        unit=1 / (questions * (K if metric in OF_RESPONSES else 1)),
    )


def _within(metric: str, runs: Sequence[Shares], mode: Mode) -> float | None:
    """Repeats of the same weights are pooled; trainings are different policies, so their variances are averaged."""
    groups = [runs] if mode == "sampling" else [[run] for run in runs]
    known = [found for group in groups if (found := _of_same_weights(metric, group)) is not None]
    return float(np.mean(known)) if known else None


def _of_same_weights(metric: str, runs: Sequence[Shares]) -> float | None:
    if metric in OF_RESPONSES:
        return _draw(metric, runs, K * len(runs)) / K
    if metric == PASS:
        return _draw(AVG, runs, K * len(runs))
    if metric == MAJOR and len(runs) > 1:
        return _draw(MAJOR, runs, len(runs))
    return None


def _draw(metric: str, runs: Sequence[Shares], count: int) -> float:
    """Variance of a mean over questions with one outcome each, from their shares of `count` outcomes over all runs."""
    rates = np.mean([run[metric] for run in runs], axis=0)
    return float((rates * (1 - rates)).sum() * count / (count - 1) / len(rates) ** 2)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Limit and detectable loss, as shares, of a fall or (for truncation) a rise."""

    limit: float
    """A larger fall is a regression."""
    detectable: float
    """The true loss that fires with 95 %."""
    error: float
    """Standard error of the difference."""
    rests_on: str
    """`sampling`, `repeats` (which vary more than sampling explains) or `trainings`."""


def tolerance(
    noise: Noise, *, fresh: int, mode: Mode, judged: int, false_alarms: float = FALSE_ALARMS
) -> Tolerance | None:
    """Tolerance for the mean of `fresh` runs, one of `judged` quantities; None if nothing shows the noise."""
    if fresh < 1 or judged < 1 or not 0 < false_alarms < 0.5:
        raise ValueError(f"fresh {fresh}, judged {judged}, false alarms {false_alarms}: expected 1, 1, 0 to 0.5")
    known = [one for one in (noise.within, noise.between) if one is not None]
    if not known or (mode == "training" and noise.between is None):
        return None
    level, spread = false_alarms / judged, 1 / noise.runs + 1 / fresh
    error = float(np.sqrt(max(known) * spread))
    if mode == "training":
        critical, shift = _in_errors(noise.runs - 1, level)
        return Tolerance(critical * error, shift * error, error, "trainings")
    k = float(norm.ppf(1 - level) / np.sqrt(fresh) + norm.ppf(1 - UNLUCKY / judged) / np.sqrt(noise.runs))
    limit = k * float(np.sqrt(max(known) + noise.unit**2)) + (1 + k * k / 4) * noise.unit
    rests_on = "sampling"
    if overdispersed(noise):
        limit, rests_on = max(limit, _in_errors(noise.runs - 1, level)[0] * error), "repeats"
    return Tolerance(limit, limit + float(norm.ppf(POWER)) * error, error, rests_on)


def overdispersed(noise: Noise) -> bool:
    """Whether the reference's repeats vary more than the draw of responses explains (chi-square, 1 %)."""
    if noise.between is None or noise.within is None:
        return noise.between is not None  # there is no draw to compare with
    freedom = noise.runs - 1
    return noise.between * freedom > noise.within * float(chi2.ppf(1 - UNLUCKY, freedom))


@lru_cache(maxsize=1024)
def _in_errors(freedom: int, level: float) -> tuple[float, float]:
    """Quantile of t, and the noncentrality at which t exceeds it with 95 %: in standard errors, the prediction limit,
    and the loss that exceeds it with 95 % if the true variance is the measured one.
    """
    critical = float(student_t.ppf(1 - level, freedom))

    def excess_power(c: float) -> float:
        return float(nct.sf(critical, freedom, c)) - POWER

    return critical, float(brentq(excess_power, 0.0, 10.0 + 20 * critical))
