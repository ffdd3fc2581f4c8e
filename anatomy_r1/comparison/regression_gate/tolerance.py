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

How much a metric of the same policy on the same questions scatters from run to run.

The questions are the same in both runs, so how hard they are, and whether they hang together by video, cancels: what is
left of a difference is the draw of responses, independent from question to question. Five responses a question show it
without any repeat: with the share p of N responses right, p (1 - p) N / (N - 1) is an unbiased estimate of the variance
of one response, and a metric's variance is the sum of these over questions.

Repeats with other sampling seeds show besides what this leaves out: a server whose load changes its arithmetic, say.
Seeds of training show what another training of the same recipe would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, nct, norm
from scipy.stats import t as student_t

from anatomy_r1.comparison.panel import Shares
from anatomy_r1.scoring.metrics import K

Mode = Literal["sampling", "training"]
AVG, PASS, MAJOR, GREEDY = f"avg@{K}", "pass@1", f"major@{K}", "greedy"
METRICS = (AVG, PASS, MAJOR, GREEDY, "parsed", "truncated")
"""What can be judged: the metrics, and the shares of responses with a readable answer and cut off at the limit."""
OF_RESPONSES = (AVG, "parsed", "truncated")
"""Metrics that are means over the five responses."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of one run's metric, by what was measured; in squared shares."""

    within: float | None
    """As the draw of responses alone makes it; None where five responses do not show it."""
    between: float | None
    """Of the reference's runs around their mean; None for one run."""
    runs: int
    """Of the reference, R."""
    unit: float
    """Smallest step of the metric: one response, or one question."""


def noise(metric: str, reference: Sequence[Shares], fresh: Sequence[Shares], mode: Mode) -> Noise:
    """Of `metric`, from runs on the same questions (each run: metric -> shares of shape [n]).

    The fresh runs' own draw counts where it is the larger one: a policy may be as good and less sure of itself. The
    scatter between runs is the reference's alone, so that a broken recipe cannot excuse itself.
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
    """Repeats of the same weights are pooled; trainings are not one policy, and each speaks for itself."""
    groups = [runs] if mode == "sampling" else [[run] for run in runs]
    found = [_of_same_weights(metric, group) for group in groups]
    known = [one for one in found if one is not None]
    return float(np.mean(known)) if known else None


def _of_same_weights(metric: str, runs: Sequence[Shares]) -> float | None:
    if metric in OF_RESPONSES:
        return _draw(_pooled(metric, runs), K * len(runs)) / K
    if metric == PASS:
        return _draw(_pooled(AVG, runs), K * len(runs))
    if metric == MAJOR and len(runs) > 1:
        return _draw(_pooled(MAJOR, runs), len(runs))
    return None


def _pooled(metric: str, runs: Sequence[Shares]) -> NDArray[np.float64]:
    return np.asarray(np.mean([run[metric] for run in runs], axis=0))


def _draw(rates: NDArray[np.float64], count: int) -> float:
    """Variance of the mean over questions of one yes or no each, from shares `rates` of `count`; shape [n]."""
    return float((rates * (1 - rates)).sum() * count / (count - 1) / len(rates) ** 2)


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
