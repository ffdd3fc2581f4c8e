"""Statements about training curves (Figs. 1, 2, 5, 6): numbers that others compute from training logs, as a CSV.

Columns: `claim` (its id), `scale` (`paper` or `mini`), `statistic` (what it is, in words), `value`, `low`, `high` and
`null`: the claim says that the value is above `null`. A claim may have several lines; all must hold.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from reports.ledger.compared import Scale
from reports.ledger.judgement import NONE, Judgement, combined, of_interval

COLUMNS = ("claim", "scale", "statistic", "value", "low", "high", "null")


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number about a curve, with its interval, oriented so that the claim says it is above `null`."""

    claim: str
    scale: Scale
    words: str
    value: float
    low: float
    high: float
    null: float


def load(path: Path) -> tuple[Statistic, ...]:
    """Read the file.

    Raises:
        AnatomyR1Error: when it is missing, or a line is no statistic.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return tuple(_statistic(row) for row in csv.DictReader(handle))
    except (OSError, KeyError, TypeError, ValueError) as error:
        cure = f"write the columns {', '.join(COLUMNS)}"
        raise AnatomyR1Error(f"{path}: no statistics of curves ({error}). Cure: {cure}") from error


def _statistic(row: dict[str, str]) -> Statistic:
    value, low, high, null = (float(row[name]) for name in COLUMNS[3:])
    if row["scale"] not in ("paper", "mini") or not low <= value <= high:
        raise ValueError(f"{row['claim']}: no such scale, or the value lies outside its interval")
    return Statistic(row["claim"], row["scale"], row["statistic"], value, low, high, null)  # type: ignore[arg-type]


def judged(claim: str, statistics: Sequence[Statistic], scale: Scale) -> Judgement:
    """Of one claim; `NONE` where no statistic bears on it."""
    of = [one for one in statistics if (one.claim, one.scale) == (claim, scale)]
    if not of:
        return NONE
    told = "; ".join(f"{one.words}: {one.value:.3f} [{one.low:.3f}, {one.high:.3f}] against {one.null:.3f}" for one in of)
    return Judgement(combined([of_interval(one.low, one.high, one.null) for one in of]), f"{told}.")
