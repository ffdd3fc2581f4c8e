"""Cells of the reports of comparisons and of the gate: scores in percent and differences in points."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.comparison.statistics import SeedMean
from anatomy_r1.scoring.intervals import Interval
from anatomy_r1.tables.table import MISSING, Cell, Column


def columns(group: str, titles: Sequence[str]) -> tuple[Column, ...]:
    """Columns under one heading."""
    return tuple(Column(title, group) for title in titles)


def score_cell(score: Interval | SeedMean, without: str = "[no interval]") -> Cell:
    """A share in percent with its interval, which is printed between 0 and 100."""
    text = without
    if score.low is not None and score.high is not None:
        text = f"[{max(100 * score.low, 0.0):.2f}, {min(100 * score.high, 100.0):.2f}]"
    return Cell(f"{100 * score.mean:.2f}", text)


def difference_cell(interval: Interval) -> Cell:
    """A signed difference in points with its interval."""
    if interval.low is None or interval.high is None:
        return Cell(signed(interval.mean), "[no interval]")
    return Cell(signed(interval.mean), interval_text(interval.low, interval.high))


def interval_text(low: float, high: float) -> str:
    """The interval of a difference, in points; it is printed between -100 and 100."""
    return f"[{signed(max(low, -1.0))}, {signed(min(high, 1.0))}]"


def signed(share: float) -> str:
    """A share in points with its sign; a value that rounds to zero has none."""
    points = round(100 * share, 2)
    return f"{points:+.2f}" if points else "0.00"


def points(share: float | None) -> Cell:
    """A share in points without a sign; a dash if there is none."""
    return Cell(MISSING if share is None else f"{100 * share:.2f}")


def p_text(p: float) -> str:
    """Four decimals; never zero."""
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"
