"""Cells of the tables: scores and differences with their intervals, costs and counts."""

from __future__ import annotations

from anatomy_r1.tables.table import MISSING, NO_INTERVAL, Cell, Emphasis, bracketed
from reports.scores.scores import MARK, Score


def score_cell(score: Score | None, decimals: int = 2, emphasis: Emphasis = "") -> Cell:
    """A score in percent with its interval, which is clipped to 0-100 %."""
    if score is None:
        return Cell()
    return Cell(score.shown(decimals), bracketed(score.low, score.high, f".{decimals}f", (0, 100)), emphasis)


def score_text(score: Score) -> str:
    """The same in a line of text: `47.97 [45.79, 50.16]`."""
    cell = score_cell(score)
    return f"{cell.text} {cell.aside}"


def difference_cell(score: Score | None) -> Cell:
    """A signed difference in points with its interval, which is clipped to -100 to 100 points."""
    if score is None:
        return Cell()
    text = f"{points(score.percent)}{MARK if score.not_clean else ''}"
    if score.low is None or score.high is None:
        return Cell(text, NO_INTERVAL)
    return Cell(text, f"[{points(max(score.low, -100))}, {points(min(score.high, 100))}]")


def points(value: float | None) -> str:
    """Two decimals and a sign, which zero does not have."""
    if value is None:
        return MISSING
    rounded = round(value, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def number(value: float | None, decimals: int = 0) -> str:
    """A number with thousands separators, or a dash."""
    return MISSING if value is None else f"{value:,.{decimals}f}"
