"""Each system's own scores on a panel's questions, with intervals over clusters and over seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anatomy_r1.comparison.family import METRICS
from anatomy_r1.comparison.panel import Panel
from anatomy_r1.comparison.seeds import SeedMean, interquartile_mean
from anatomy_r1.comparison.systems import System
from anatomy_r1.scoring.intervals import Interval, cluster_intervals

RESPONSES = ("parsed", "truncated")
"""Shares of the sampled responses from which an answer could be read, and that ended at the token limit."""
ALL = ""
"""Category of a number over all questions."""


@dataclass(frozen=True, slots=True)
class SystemScore:
    """One metric of one system, as a share, over all seeds that it has."""

    system: System
    metric: str
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    interval: Interval
    """Questions averaged over seeds first, clustered."""
    seeds: int
    spread: float | None
    """Standard deviation of the seeds' means; None for one seed."""
    over_seeds: SeedMean
    """Interquartile mean over the seeds."""


def system_scores(panel: Panel, metric: str) -> tuple[SystemScore, ...]:
    """All metrics and shares of responses over all questions, and `metric` by category, of every system."""
    everything = np.ones(len(panel.questions), dtype=bool)
    found = list(_scores(panel, (*METRICS, *RESPONSES), ALL, everything))
    for category in sorted(set(panel.categories)):
        found += _scores(panel, (metric,), str(category), panel.categories == category)
    return tuple(found)


def _known(panel: Panel, system: System, metric: str) -> bool:
    """Whether all seeds of a system have a metric: of some, it is not known which responses were cut off."""
    return all(metric in panel.shares[system.name][run.seed] for run in system.runs)


def _scores(panel: Panel, metrics: tuple[str, ...], category: str, of: np.ndarray) -> Iterator[SystemScore]:
    cells = [(system, metric) for system in panel.systems for metric in metrics if _known(panel, system, metric)]
    seeds = [
        np.stack([panel.shares[system.name][run.seed][metric][of] for run in system.runs]) for system, metric in cells
    ]
    intervals = cluster_intervals(np.stack([one.mean(axis=0) for one in seeds]), panel.clusters[of])
    for (system, metric), interval, values in zip(cells, intervals, seeds, strict=True):
        means = values.mean(axis=1)
        spread = float(means.std(ddof=1)) if len(means) > 1 else None
        yield SystemScore(system, metric, category, interval, len(means), spread, interquartile_mean(means))
