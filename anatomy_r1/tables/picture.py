"""Where the parts of a picture of intervals lie, in percent of its width."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from anatomy_r1.tables.table import Headline

TICKS = 5
"""Most ticks of an axis: more would touch on a phone (our choice)."""
FAR = 40.0
"""Points from zero beyond which a difference is told by a number at the edge, where others lie nearer: drawn to scale,
it would squeeze them (our choice)."""
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis that includes zero and begins and ends at a tick."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Percent of the width."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    def holds(self, one: Headline) -> bool:
        """Whether a difference and its intervals lie on the axis."""
        return all(self.low <= value <= self.high for value in (one.value, *(one.inner or ()), *(one.outer or ())))


def axis(values: Iterable[float]) -> Axis:
    """The shortest axis of round ticks around the values and zero."""
    known = [0.0, *values]
    low, high = min(known), max(known)
    step = _step((high - low) / (TICKS - 1))
    first, last = math.floor(low / step), math.ceil(high / step)
    last = last if last > first else first + 1
    return Axis(first * step, last * step, tuple(round(place * step, 6) for place in range(first, last + 1)))


def _step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... (and of 0.1, 0.2, ...) that is not below `least`."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (*_STEPS, 10) if factor * power >= least * (1 - 1e-9))


def pictures(headlines: Sequence[Headline]) -> list[tuple[str, Axis, list[Headline]]]:
    """Group, its axis and its headlines, in order; the axis leaves out those that are far from the others."""
    found = []
    for group, of in groupby(headlines, lambda one: one.group):
        rows = list(of)
        shown = [one for one in rows if abs(one.value) <= FAR] or rows
        bounds = (bound for one in shown for pair in (one.inner, one.outer) if pair for bound in pair)
        found.append((group, axis([*(one.value for one in shown), *bounds]), rows))
    return found
