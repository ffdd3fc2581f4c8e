"""Statements: each claim of the paper's figures as an estimate with a 95 % t interval over seeds, and a verdict.

The intervals hold for seeds on this data, one at a time: among many statements, some are wrong by chance.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import pandas as pd

from anatomy_r1.scoring.intervals import Interval, cluster_interval
from reports.figures.claims import FigureClaim, claims
from reports.figures.scope import Scope, rows_of, scopes
from reports.scores.names import METHODS

AS_PAPER, CONTRADICTS, OPEN = "as in the paper, in direction", "contradicts the paper", "not resolved"
NO_INTERVAL, NOT_RUN, NO_CLAIM = "no interval: one seed", "not run, or too few seeds", "no claim"
NO_SPREAD = "no spread over seeds"
DECIMALS = 6


@dataclass(frozen=True)
class Statement:
    """One row of `figure_statements.csv`."""

    figure: int
    statement: str
    benchmark: str
    model: str
    paper: str
    quantity: str
    estimate: float | None
    low: float | None
    high: float | None
    seeds: int
    verdict: str


def statements(frame: pd.DataFrame) -> list[Statement]:
    """All statements for each benchmark and model, from the frame of `groups_frame`; pure."""
    return [
        _statement(claim, rows, scope)
        for scope in scopes(frame)
        for rows in [_with_uniform(rows_of(frame, scope, list(METHODS)))]
        for claim in claims(sorted(set(rows["anatomy"])))
    ]


def _with_uniform(rows: pd.DataFrame) -> pd.DataFrame:
    alike = rows["distinct_choices"] == 1
    return rows.assign(uniform=alike.astype(float), uniform_wrong=(alike & rows["invalid"]).astype(float))


def _statement(claim: FigureClaim, rows: pd.DataFrame, scope: Scope) -> Statement:
    values = claim.measure(rows)
    interval = cluster_interval(values.to_numpy(), [str(seed) for seed in values.index]) if len(values) else None
    return Statement(
        figure=claim.figure,
        statement=claim.id,
        benchmark=scope.benchmark,
        model=scope.model,
        paper=claim.paper,
        quantity=claim.quantity,
        estimate=_rounded(interval.mean if interval else None),
        low=_rounded(interval.low if interval else None),
        high=_rounded(interval.high if interval else None),
        seeds=len(values),
        verdict=verdict(claim, interval),
    )


def verdict(claim: FigureClaim, interval: Interval | None) -> str:
    """The verdict on a claim; the whole interval decides, not the estimate."""
    if interval is None:
        return NOT_RUN
    if not claim.says:
        return NO_CLAIM
    if interval.low is None or interval.high is None:
        return NO_INTERVAL
    if interval.degenerate:
        return NO_SPREAD
    low, high, margin = interval.low, interval.high, claim.margin
    agrees, against = {
        "rise": (low > 0, high < 0),
        "fall": (high < 0, low > 0),
        "no rise": (high <= margin, low > margin),
        "no change": (-margin <= low and high <= margin, low > margin or high < -margin),
    }[claim.says]
    within = f" (margin {margin:g}, ours)" if margin else ""
    return AS_PAPER + within if agrees else CONTRADICTS + within if against else OPEN + within


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS) + 0.0


def as_csv(rows: Sequence[Statement]) -> str:
    """A row for each statement; empty fields where there is no number."""
    names = [one.name for one in fields(Statement)]
    target = io.StringIO()
    pd.DataFrame([asdict(row) for row in rows], columns=names).to_csv(target, index=False, lineterminator="\n")
    return target.getvalue()


def as_json(rows: Sequence[Statement]) -> str:
    """The same as a list of objects."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"
