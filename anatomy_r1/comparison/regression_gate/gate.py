"""What a gate judges by and comes to, as values: the rule, what was judged, and all of one command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from anatomy_r1.comparison.panel import Panel
from anatomy_r1.comparison.regression_gate.flipped import Flipped
from anatomy_r1.comparison.regression_gate.noise import AVG, GREEDY, METRICS, Mode
from anatomy_r1.comparison.regression_gate.tolerance import FALSE_ALARMS, Tolerance
from anatomy_r1.comparison.systems import System
from anatomy_r1.comparison.verdict import SMALLEST_DIFFERENCE
from anatomy_r1.errors import AnatomyR1Error

Verdict = Literal["regression", "underpowered", "no regression"]
HIGHER_IS_WORSE = ("truncated",)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is judged, and how strictly.

    Raises:
        AnatomyR1Error: when a part of it makes no sense; says what would.
    """

    mode: Mode = "sampling"
    metrics: tuple[str, ...] = (AVG,)
    by_category: bool = False
    """Whether each anatomy or question type is judged besides the whole."""
    false_alarms: float = FALSE_ALARMS
    """Share of honest evaluations that may fire, over everything judged."""
    smallest_difference: float = SMALLEST_DIFFERENCE
    """Loss, as a share, that must be noticed with 95 %, or the gate is underpowered."""

    def __post_init__(self) -> None:
        if not self.metrics or len(set(self.metrics)) < len(self.metrics) or not set(self.metrics) <= set(METRICS):
            raise AnatomyR1Error(f"metrics {' '.join(self.metrics)}: expected some of {', '.join(METRICS)}, each once")
        if not 0 < self.false_alarms < 0.5:
            raise AnatomyR1Error(f"false alarms {self.false_alarms}: expected a share, for example 0.02")
        if not 0 < self.smallest_difference <= 1:
            raise AnatomyR1Error("smallest difference: expected points above 0 and up to 100, for example 5")
        if self.mode == "sampling" and GREEDY in self.metrics:
            cure = "Cure: leave it out, or judge trainings with --mode training"
            raise AnatomyR1Error(f"{GREEDY}: sampling seeds do not move it, so that they show no noise of it. {cure}")


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric, overall or of one category; all numbers are shares."""

    metric: str
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    questions: int
    reference: float
    fresh: float
    tolerance: Tolerance | None
    """None where it is only shown."""
    verdict: Verdict | None

    @property
    def fall(self) -> float:
        """How much worse the fresh result is."""
        change = self.fresh - self.reference
        return change if self.metric in HIGHER_IS_WORSE else -change


@dataclass(frozen=True, eq=False)
class Pair:
    """A fresh result against its reference, on one benchmark."""

    panel: Panel
    reference: System
    fresh: System
    judged: tuple[Judged, ...]
    shown: tuple[Judged, ...]
    """Metrics and categories that are not judged."""
    lost: tuple[Flipped, ...]
    """Right in the reference, wrong now; the largest falls first."""
    gained: tuple[Flipped, ...]

    @property
    def benchmark(self) -> str:
        """Its name."""
        return self.panel.benchmark


@dataclass(frozen=True, eq=False)
class Gate:
    """All of one command."""

    rule: Rule
    pairs: tuple[Pair, ...]
    code: str = ""
    """Commit of the code that judged; empty outside a checkout."""

    @property
    def judged(self) -> tuple[tuple[Pair, Judged], ...]:
        """Everything that has a verdict."""
        return tuple((pair, one) for pair in self.pairs for one in pair.judged)

    def of(self, verdict: Verdict) -> tuple[tuple[Pair, Judged], ...]:
        """All with this verdict."""
        return tuple((pair, one) for pair, one in self.judged if one.verdict == verdict)
