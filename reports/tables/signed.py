"""A difference in points, as tables print it: with its sign, and its interval beside."""

from __future__ import annotations

from anatomy_r1.tables.table import MISSING, Cell
from reports.scores.leakage import MARK
from reports.scores.scores import Score
from reports.tables.accuracy import NO_INTERVAL


def signed(score: Score | None) -> Cell:
    """A difference in points with its interval, both signed; a difference of shares stays within 100 points."""
    if score is None:
        return Cell()
    text = f"{points(score.percent)}{MARK if score.not_clean else ''}"
    if score.low is None or score.high is None:
        return Cell(text, NO_INTERVAL)
    return Cell(text, f"[{points(max(score.low, -100))}, {points(min(score.high, 100))}]")


def points(value: float | None) -> str:
    """Two decimals and a sign; zero has none."""
    if value is None:
        return MISSING
    rounded = round(value, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"
