"""What a comparison comes to, as values: differences, the test with its verdict and flipped questions.

Each system's own scores on a panel's questions, with intervals over clusters and over seeds.

Questions that one system gets right and the other wrong, by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.comparison.family import METRICS, Declaration, Family
from anatomy_r1.comparison.paired_tests import SignFlip
from anatomy_r1.comparison.panel import Panel
from anatomy_r1.comparison.seeds import Retrained, SeedMean, interquartile_mean
from anatomy_r1.comparison.systems import System
from anatomy_r1.comparison.verdict import Verdict
from anatomy_r1.scoring.intervals import Interval, cluster_intervals
from anatomy_r1.scoring.metrics import K

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


@dataclass(frozen=True, slots=True)
class Flip:
    """A question on which two systems part."""

    id: str
    category: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Flips:
    """All of them, in both directions."""

    metric: str
    """By which a question counts as right."""
    gained: tuple[Flip, ...]
    """Wrong for the baseline, right for the other."""
    lost: tuple[Flip, ...]
    """Right for the baseline, wrong for the other."""
    questions: int


def flip_metric(metric: str) -> str:
    """Metric by which a question is right or wrong: the one asked for, or the majority vote where it is a share."""
    return f"major@{K}" if metric == f"avg@{K}" else metric


def flips(baseline: NDArray[np.float64], other: NDArray[np.float64], questions: pd.DataFrame, metric: str) -> Flips:
    """From the share of seeds under which each question is right (shape [n]).

    Over several seeds a question is right when it is right under more than half of them (our choice).
    """
    before, after = baseline > 0.5, other > 0.5
    gained, lost = (tuple(_named(questions[mask])) for mask in (~before & after, before & ~after))
    return Flips(metric, gained, lost, len(questions))


def _named(table: pd.DataFrame) -> Iterator[Flip]:
    for columns in zip(table["id"], table["category"], table["cluster"], strict=True):
        yield Flip(*map(str, columns))


@dataclass(frozen=True, slots=True)
class Difference:
    """Other minus baseline in one metric, as a share, over questions averaged over seeds first."""

    metric: str
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    interval: Interval
    detectable: float | None
    """Minimum detectable difference at 80 % power; None where no error can be estimated."""
    level: float
    """Level that it holds for: the family's over its size where the difference is tested, else the family's."""


@dataclass(frozen=True, slots=True)
class Tested:
    """Of a comparison that belongs to the family."""

    flip: SignFlip
    p: float
    """Adjusted by Holm."""
    floor: float
    """Smallest adjusted p that this number of clusters allows."""
    verdict: Verdict
    of_these_weights: bool
    """Whether the verdict was not shown to hold for another training as well (`verdict.of_these_weights`)."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """One system against another."""

    benchmark: str
    baseline: System
    other: System
    seeds: tuple[int, ...]
    """Seeds that both have; empty where they share none and each was averaged over its own."""
    spread: float | None
    """Standard deviation of the difference over the shared seeds; None for fewer than two."""
    retrained: Retrained | None
    """The family's metric with an interval over clusters and seeds together; None for fewer than three."""
    differences: tuple[Difference, ...]
    test: Tested | None
    """None outside the family."""
    flips: Flips

    def difference(self, metric: str, category: str = ALL) -> Difference:
        """The one of a metric and category."""
        return next(one for one in self.differences if (one.metric, one.category) == (metric, category))


@dataclass(frozen=True, eq=False)
class Outcome:
    """All of one command: what is printed comes from here alone."""

    panels: tuple[Panel, ...]
    comparisons: tuple[Comparison, ...]
    scores: tuple[SystemScore, ...]
    family: Family
    declaration: Declaration | None
    """None where the family was not declared but follows from the command."""
    code: str
    """Commit of the code that compared; empty outside a checkout."""
