"""Numbers of a comparison as a person reads them."""

from __future__ import annotations

from anatomy_r1.scoring.intervals import Interval
from anatomy_r1.tables.table import MISSING, Cell

NO_INTERVAL = "[no interval]"


def score_cell(interval: Interval) -> Cell:
    """A share in percent with its interval; what is printed stays between 0 and 100."""
    if interval.low is None or interval.high is None:
        return Cell(f"{100 * interval.mean:.2f}", NO_INTERVAL)
    low, high = max(100 * interval.low, 0.0), min(100 * interval.high, 100.0)
    return Cell(f"{100 * interval.mean:.2f}", f"[{low:.2f}, {high:.2f}]")


def difference_cell(interval: Interval) -> Cell:
    """A difference in points with its sign and interval; what is printed stays between -100 and 100."""
    if interval.low is None or interval.high is None:
        return Cell(signed(interval.mean), NO_INTERVAL)
    return Cell(signed(interval.mean), interval_text(interval.low, interval.high))


def interval_text(low: float, high: float) -> str:
    """Of a difference, in points; what is printed stays between -100 and 100."""
    return f"[{signed(max(low, -1.0))}, {signed(min(high, 1.0))}]"


def signed(share: float) -> str:
    """A share in points, with its sign; what rounds to nothing has none."""
    points = round(100 * share, 2)
    return f"{points:+.2f}" if points else "0.00"


def points(share: float | None) -> Cell:
    """A share without a sign, in points; a dash where there is none."""
    return Cell(MISSING if share is None else f"{100 * share:.2f}")


def p_text(p: float) -> str:
    """Four decimals; never a zero."""
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def seeds_text(seeds: tuple[int, ...]) -> str:
    """Seeds that two systems share."""
    return ", ".join(map(str, seeds)) or "none shared"
