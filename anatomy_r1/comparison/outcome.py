"""What a comparison comes to, as values: differences, the test with its verdict, discordant and flipped questions."""

from __future__ import annotations

from dataclasses import dataclass

from anatomy_r1.comparison.declared import Declaration
from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.flips import Flips
from anatomy_r1.comparison.mcnemar import McNemar
from anatomy_r1.comparison.paired_tests import SignFlip
from anatomy_r1.comparison.panel import Panel
from anatomy_r1.comparison.retraining import Retrained
from anatomy_r1.comparison.scores import ALL, SystemScore
from anatomy_r1.comparison.systems import System
from anatomy_r1.comparison.verdict import Verdict
from anatomy_r1.scoring.intervals import Interval
from anatomy_r1.scoring.metrics import K

BINARY = (f"major@{K}", "greedy")
"""Outcomes that McNemar's test is given, unless they are means over rotations of the options."""


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


@dataclass(frozen=True, slots=True)
class Discordance:
    """Right and wrong answers of both, under one seed."""

    metric: str
    seed: int
    test: McNemar


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
    discordances: tuple[Discordance, ...]
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
