"""How much a metric of the same policy on the same questions scatters from run to run.

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
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
