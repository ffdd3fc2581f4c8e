"""Descriptive numbers of a panel: each system's own scores, and the questions that flip between two systems.

Nothing is tested here; `compare` tests differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.comparison.family import METRICS
from anatomy_r1.comparison.panel import ALL, Panel
from anatomy_r1.comparison.seeds import SeedMean, interquartile_mean
from anatomy_r1.comparison.systems import System
from anatomy_r1.scoring.intervals import Interval, cluster_intervals
from anatomy_r1.scoring.metrics import K

RESPONSES = ("parsed", "truncated")
"""Shares of the sampled responses from which an answer could be read, and that ended at the token limit."""


@dataclass(frozen=True, slots=True)
class SystemScore:
    """One metric of one system, as a share, over all its seeds."""

    system: System
    metric: str
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    interval: Interval
    """Over clusters; each question is averaged over seeds first."""
    seeds: int
    spread: float | None
    """Standard deviation of the seeds' means; None for one seed."""
    over_seeds: SeedMean
    """Interquartile mean over the seeds."""


def system_scores(panel: Panel, metric: str) -> tuple[SystemScore, ...]:
    """All metrics and shares of responses over all questions, and `metric` by category, of every system."""
    found = list(_scores(panel, (*METRICS, *RESPONSES), ALL))
    for category in panel.categories:
        found += _scores(panel, (metric,), category)
    return tuple(found)


def _scores(panel: Panel, metrics: tuple[str, ...], category: str) -> Iterator[SystemScore]:
    of = panel.mask(category)
    cells = [(system, metric) for system in panel.systems for metric in metrics if panel.has(system, metric)]
    values = [panel.seed_shares(system, metric, system.seeds).compress(of, axis=1) for system, metric in cells]
    intervals = cluster_intervals(np.stack([one.mean(axis=0) for one in values]), panel.clusters[of])
    for (system, metric), interval, one in zip(cells, intervals, values, strict=True):
        means = one.mean(axis=1)
        spread = float(means.std(ddof=1)) if len(means) > 1 else None
        yield SystemScore(system, metric, category, interval, len(means), spread, interquartile_mean(means))


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that one system gets right and the other wrong."""

    id: str
    category: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Flips:
    """All flipped questions of a pair."""

    metric: str
    """The metric by which a question counts as right."""
    gained: tuple[Flip, ...]
    """Wrong for the baseline, right for the other."""
    lost: tuple[Flip, ...]
    """Right for the baseline, wrong for the other."""
    questions: int


def flip_metric(metric: str) -> str:
    """The metric by which a question is right or wrong: `metric` itself, or the majority vote if that is a share."""
    return f"major@{K}" if metric == f"avg@{K}" else metric


def flips(baseline: NDArray[np.float64], other: NDArray[np.float64], questions: pd.DataFrame, metric: str) -> Flips:
    """Flips from each question's share over seeds, shape [n]: a share above one half counts as right (ours)."""
    before, after = baseline > 0.5, other > 0.5

    def named(mask: NDArray[np.bool_]) -> tuple[Flip, ...]:
        columns = (questions.loc[mask, name].astype(str) for name in ("id", "category", "cluster"))
        return tuple(Flip(*one) for one in zip(*columns, strict=True))

    return Flips(metric, named(~before & after), named(before & ~after), len(questions))
