"""Statements: each claim of the paper's figures about training, as an estimate with an interval, and a verdict.

`claims.csv` holds the claims, as read off the paper's released figures and its text. A claim is about the mean of a
column over some of the groups, mostly minus its mean over others; how it is measured, and over which part of a
training, is ours. Where its column `paper` is empty, a quantity only accompanies the others.

Estimates are means over trainings with 95 % t intervals over their bases, or over seeds where there is one base. These
hold for other bases or seeds on this data, one at a time: among many statements, some are wrong by chance.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from anatomy_r1.scoring.intervals import Interval, cluster_interval
from reports.figures.points import Scope, rows_of, scopes
from reports.formats import frame_csv
from reports.scores.names import METHODS

FILE = Path(__file__).with_name("claims.csv")
WINDOWS = {
    "first tenth": (0.0, 0.1),
    "last tenth": (0.9, 1.0),
    "first third": (0.0, 1 / 3),
    "middle third": (1 / 3, 2 / 3),
    "last third": (2 / 3, 1.0),
    "second half": (0.5, 1.0),
}
"""From one share of a method's own steps (exclusive) to another (inclusive); the paper's x axes have no numbers."""
EASIEST, HARDEST = "<easiest>", "<hardest>"
AS_PAPER, CONTRADICTS, OPEN = "as in the paper, in direction", "contradicts the paper", "not resolved"
NO_INTERVAL, NOT_RUN, NO_CLAIM = "no interval: one seed", "not run, or too few seeds", "no claim"
NO_SPREAD = "no spread over seeds"
DECIMALS = 6
_ROUNDING = 1e-9


class Part(NamedTuple):
    """Some of the groups of one benchmark and model."""

    method: str
    window: str
    """One of `WINDOWS`."""
    anatomy: str = ""
    """An anatomy or question type, `EASIEST` or `HARDEST`; empty for all."""


@dataclass(frozen=True)
class FigureClaim:
    """One claim of a figure."""

    figure: int
    id: str
    paper: str
    """What the paper says or shows, in our words."""
    quantity: str
    """What is measured."""
    says: str
    """`rise` (above 0), `fall` (below 0), `no rise` (not above the margin), `no change` (within it), or empty."""
    margin: float
    """Margin of `no rise` and `no change`, ours."""
    column: str
    of: Part
    minus: Part | None


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
    """Trainings: every base under every seed."""
    verdict: str


def claims(anatomies: Sequence[str]) -> tuple[FigureClaim, ...]:
    """All claims, that of Fig. 6 also for each anatomy or question type; the paper shows four anatomies."""
    with FILE.open(encoding="utf-8", newline="") as handle:
        listed = [_claim(row) for row in csv.DictReader(handle)]
    (fewer,) = (one for one in listed if one.id == "gdqa-lowers")
    by_anatomy = (
        replace(
            fewer,
            id=f"{fewer.id}: {name}",
            paper=f"{fewer.paper} in each anatomy shown",
            quantity=fewer.quantity.replace("all anatomies", name),
            of=fewer.of._replace(anatomy=name),
            minus=fewer.minus and fewer.minus._replace(anatomy=name),
        )
        for name in anatomies
    )
    return (*listed, *by_anatomy)


def _claim(row: dict[str, str]) -> FigureClaim:
    minus = Part(row["minus_method"], row["minus_window"], row["minus_anatomy"])
    return FigureClaim(
        figure=int(row["figure"]),
        id=row["id"],
        paper=row["paper"],
        quantity=row["quantity"],
        says=row["says"],
        margin=float(row["margin"]),
        column=row["column"],
        of=Part(row["method"], row["window"], row["anatomy"]),
        minus=minus if minus.method else None,
    )


def measured(groups: pd.DataFrame, claim: FigureClaim) -> pd.Series[float]:
    """The quantity of a claim, from the groups of one benchmark and model: a value for each seed that has one."""
    found = mean(groups, claim.column, claim.of)
    return (found - mean(groups, claim.column, claim.minus)).dropna() if claim.minus else found


def mean(groups: pd.DataFrame, column: str, part: Part) -> pd.Series[float]:
    """Mean of a column over a part, one value per seed; groups without a value are left out."""
    rows = groups[groups["method"] == part.method]
    if part.anatomy in (EASIEST, HARDEST):
        rows = _picked(rows, part.anatomy)
    elif part.anatomy:
        rows = rows[rows["anatomy"] == part.anatomy]
    return _in_window(rows, part.window).groupby("seed")[column].mean().astype(float).dropna()


def _picked(rows: pd.DataFrame, which: str) -> pd.DataFrame:
    """Each seed's rows of the anatomy that is easiest or hardest **by the last third of the other seeds**.

    Picked on the same seed, the best of six would look good by chance alone. Empty for fewer than two seeds.
    """
    picks = {}
    for seed in sorted(set(rows["seed"])):
        others = _in_window(rows[rows["seed"] != seed], "last third")
        ranked = others.groupby("anatomy")["accuracy"].mean().sort_values(kind="stable")
        if len(ranked) > 1:
            picks[seed] = ranked.index[0 if which == HARDEST else -1]
    return rows[rows["anatomy"] == rows["seed"].map(picks)]


def _in_window(rows: pd.DataFrame, window: str) -> pd.DataFrame:
    first, last = WINDOWS[window]
    share = rows["step"] / rows["own_steps"]
    return rows[(share > first + _ROUNDING) & (share <= last + _ROUNDING)]


def statements(frame: pd.DataFrame) -> list[Statement]:
    """All statements for each benchmark and model, from the frame of `groups_frame`; pure."""
    found = []
    for scope in scopes(frame):
        rows = rows_of(frame, scope, list(METHODS))
        alike = rows["distinct_choices"] == 1
        rows = rows.assign(uniform=alike.astype(float), uniform_wrong=(alike & rows["invalid"]).astype(float))
        found += [_statement(claim, rows, scope) for claim in claims(sorted(set(rows["anatomy"])))]
    return found


def _statement(claim: FigureClaim, rows: pd.DataFrame, scope: Scope) -> Statement:
    values = measured(rows, claim)
    interval = cluster_interval(values.to_numpy(), _levels(values.index)) if len(values) else None
    bounds = (interval.mean, interval.low, interval.high) if interval else (None, None, None)
    estimate, low, high = (None if value is None else round(value, DECIMALS) + 0.0 for value in bounds)
    return Statement(
        figure=claim.figure,
        statement=claim.id,
        benchmark=scope.benchmark,
        model=scope.model,
        paper=claim.paper,
        quantity=claim.quantity,
        estimate=estimate,
        low=low,
        high=high,
        seeds=len(values),
        verdict=verdict(claim, interval),
    )


def _levels(runs: Iterable[object]) -> list[str]:
    """What runs are independent by: their base if there are several (`b-1/0`, `b-1/1`, `b-2/0`), else their seed."""
    names = [str(run) for run in runs]
    bases = [name.rpartition("/")[0] for name in names]
    return bases if len(set(bases)) > 1 else names


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


def as_csv(rows: Sequence[Statement]) -> str:
    """A row for each statement; empty fields where there is no number."""
    frame = pd.DataFrame(list(rows), columns=[one.name for one in fields(Statement)])
    return frame_csv(frame)


def as_json(rows: Sequence[Statement]) -> str:
    """The same as a list of objects."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"
