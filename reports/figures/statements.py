"""Statements: each claim of the paper's figures as an estimate with a 95 % t interval over seeds, and a verdict.

The intervals hold for seeds on this data, one at a time: among many statements, some are wrong by chance.

What the paper's figures claim about training, each as a quantity that can be measured, with a direction.

What the paper shows is read off its released figures and its text. How it is measured, and over which part of a
training, is ours; `reports/figures/statements.py` adds an interval over seeds and a verdict.

Quantities of a training, one value per seed, from the groups of one benchmark and model.

Windows are shares of a method's own steps (ours: the paper's figures have no numbers on their x axes).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial

import pandas as pd

from anatomy_r1.scoring.intervals import Interval, cluster_interval
from reports.figures.points import Scope, rows_of, scopes
from reports.scores.names import METHODS

PerSeed = Callable[[pd.DataFrame], "pd.Series[float]"]
"""Groups of one benchmark and model -> one value per seed."""
Window = tuple[float, float]
"""From one share of the steps (exclusive) to another (inclusive)."""
FIRST_TENTH, LAST_TENTH = (0.0, 0.1), (0.9, 1.0)
FIRST_THIRD, MIDDLE_THIRD, LAST_THIRD = (0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0)
SECOND_HALF = (0.5, 1.0)
_ROUNDING = 1e-9


def in_window(groups: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The groups in a window of steps."""
    share = groups["step"] / groups["own_steps"]
    return groups[(share > window[0] + _ROUNDING) & (share <= window[1] + _ROUNDING)]


def mean(groups: pd.DataFrame, method: str, column: str, window: Window) -> pd.Series[float]:
    """Mean of a column over a method's groups in a window; groups without a value are left out."""
    rows = in_window(groups[groups["method"] == method], window)
    return rows.groupby("seed")[column].mean().astype(float).dropna()


def change(groups: pd.DataFrame, method: str, column: str, before: Window, after: Window) -> pd.Series[float]:
    """Mean in `after` minus mean in `before`."""
    return (mean(groups, method, column, after) - mean(groups, method, column, before)).dropna()


def difference(groups: pd.DataFrame, first: str, second: str, column: str, window: Window) -> pd.Series[float]:
    """Mean of the first method minus that of the second in a window, for the seeds that both have."""
    return (mean(groups, first, column, window) - mean(groups, second, column, window)).dropna()


def in_anatomy(groups: pd.DataFrame, anatomy: str, measure: PerSeed) -> pd.Series[float]:
    """A measure over the groups of one anatomy."""
    return measure(groups[groups["anatomy"] == anatomy])


def picked(groups: pd.DataFrame, measure: PerSeed, *, hardest: bool) -> pd.Series[float]:
    """A measure of the anatomy that is easiest (or hardest) for GRPO **by the last third of the other seeds**.

    Picked on the same seed, the best of six would look good by chance alone. Empty for fewer than two seeds.
    """
    values = {}
    grpo = groups[groups["method"] == "grpo"]
    for seed in sorted(set(grpo["seed"])):
        others = in_window(grpo[grpo["seed"] != seed], LAST_THIRD)
        ranked = others.groupby("anatomy")["accuracy"].mean().sort_values(kind="stable")
        if len(ranked) > 1:
            name = str(ranked.index[0 if hardest else -1])
            found = measure(grpo[(grpo["seed"] == seed) & (grpo["anatomy"] == name)])
            values.update({int(one): float(value) for one, value in found.items()})  # type: ignore[call-overload]
    return pd.Series(values, dtype=float)


def gap(groups: pd.DataFrame) -> pd.Series[float]:
    """Accuracy of the easiest minus the hardest anatomy in the last third, both picked by the other seeds."""
    late = partial(mean, method="grpo", column="accuracy", window=LAST_THIRD)
    return (picked(groups, late, hardest=False) - picked(groups, late, hardest=True)).dropna()


@dataclass(frozen=True)
class FigureClaim:
    """One claim of a figure."""

    figure: int
    id: str
    paper: str
    """What the paper says or shows, in our words; empty for a quantity that only accompanies the others."""
    quantity: str
    """What is measured."""
    measure: PerSeed
    says: str
    """`rise` (above 0), `fall` (below 0), `no rise` (not above the margin), `no change` (within it), or empty."""
    margin: float = 0.0
    """Margin of `no rise` and `no change`, ours."""


def _trend(method: str, column: str, before: Window = FIRST_THIRD, after: Window = LAST_THIRD) -> PerSeed:
    """Change of a column over a method's training."""
    return partial(change, method=method, column=column, before=before, after=after)


def _late(first: str, second: str, column: str) -> PerSeed:
    """Difference between two methods in the second half of training."""
    return partial(difference, first=first, second=second, column=column, window=SECOND_HALF)


_ACCURACY = "share of responses that are right"
_OTHERS = "picked by the other seeds' last third"
FIGURE_1 = (
    FigureClaim(
        1,
        "easy-learned",
        "GRPO learns simple anatomies",
        f"{_ACCURACY}, easiest anatomy ({_OTHERS}): last third minus first",
        partial(picked, measure=_trend("grpo", "accuracy"), hardest=False),
        "rise",
    ),
    FigureClaim(
        1,
        "hard-not-learned",
        "GRPO fails on more challenging anatomies",
        f"{_ACCURACY}, hardest anatomy ({_OTHERS}): last third minus first",
        partial(picked, measure=_trend("grpo", "accuracy"), hardest=True),
        "no rise",
        0.05,
    ),
    FigureClaim(
        1,
        "gap",
        "anatomies end apart",
        f"{_ACCURACY} in the last third: easiest minus hardest anatomy ({_OTHERS})",
        gap,
        "rise",
    ),
)
FIGURE_2 = (
    FigureClaim(
        2,
        "texts",
        "responses of a group become uniform",
        "distinct texts of a group: last third minus first (steps with texts)",
        _trend("grpo", "distinct_texts"),
        "fall",
    ),
    FigureClaim(
        2,
        "entropy",
        "responses of a group become uniform",
        "entropy of a group's choices, bits: last third minus first",
        _trend("grpo", "entropy_bits"),
        "fall",
    ),
    FigureClaim(
        2,
        "uniform",
        "responses of a group become uniform",
        "share of groups with one choice: last third minus first",
        _trend("grpo", "uniform"),
        "rise",
    ),
    FigureClaim(
        2,
        "uniform-wrong",
        "groups become uniform and wrong, without a gradient",
        "share of groups with one choice, all wrong: last third minus first",
        _trend("grpo", "uniform_wrong"),
        "rise",
    ),
    FigureClaim(
        2,
        "uniform-late",
        "",
        "share of groups with one choice in the last third",
        partial(mean, method="grpo", column="uniform", window=LAST_THIRD),
        "",
    ),
    FigureClaim(
        2,
        "gdqa-entropy",
        "GDQA brings diversity into a group",
        "entropy of a group's choices, bits, in the last half: GDQA minus GRPO",
        _late("grpo-gdqa", "grpo", "entropy_bits"),
        "rise",
    ),
)
FIGURE_5 = (
    FigureClaim(
        5,
        "asc-difficulty",
        "ASC's S(q) rises from 0.145 to about 0.65",
        "S(q) of what ASC serves: last tenth of steps minus first",
        _trend("grpo-asc", "similarity", FIRST_TENTH, LAST_TENTH),
        "rise",
    ),
    FigureClaim(
        5,
        "asc-difficulty-first",
        "",
        "S(q) of what ASC serves: first tenth of steps (paper: 0.145)",
        partial(mean, method="grpo-asc", column="similarity", window=FIRST_TENTH),
        "",
    ),
    FigureClaim(
        5,
        "asc-difficulty-last",
        "",
        "S(q) of what ASC serves: last tenth of steps (paper: about 0.65)",
        partial(mean, method="grpo-asc", column="similarity", window=LAST_TENTH),
        "",
    ),
    FigureClaim(
        5,
        "grpo-difficulty",
        "GRPO's S(q) stays at 0.60 to 0.64",
        "S(q) of what GRPO serves: last tenth of steps minus first",
        _trend("grpo", "similarity", FIRST_TENTH, LAST_TENTH),
        "no change",
        0.04,
    ),
    FigureClaim(
        5,
        "reward",
        "ASC's reward is above GRPO's",
        "accuracy reward in the last half: ASC minus GRPO",
        _late("grpo-asc", "grpo", "accuracy"),
        "rise",
    ),
    FigureClaim(
        5,
        "reward-with-form",
        "ASC's reward is above GRPO's",
        "accuracy and format reward in the last half: ASC minus GRPO",
        _late("grpo-asc", "grpo", "reward"),
        "rise",
    ),
    FigureClaim(
        5,
        "difficulty-apart",
        "",
        "S(q) in the last half: ASC minus GRPO (below 0: ASC's reward is for easier questions)",
        _late("grpo-asc", "grpo", "similarity"),
        "",
    ),
    FigureClaim(
        5,
        "asc-rises",
        "ASC's reward rises steadily",
        "accuracy reward of ASC: last third minus first",
        _trend("grpo-asc", "accuracy"),
        "rise",
    ),
    FigureClaim(
        5,
        "grpo-stops",
        "GRPO's reward stops improving after an initial rise",
        "accuracy reward of GRPO: last third minus middle third",
        _trend("grpo", "accuracy", MIDDLE_THIRD, LAST_THIRD),
        "no rise",
        0.02,
    ),
)
_ALL_WRONG = "share of all-wrong groups"
_FEWER = _late("grpo", "grpo-gdqa", "invalid")
FIGURE_6 = (
    FigureClaim(
        6,
        "gdqa-lowers",
        "GDQA has fewer all-wrong groups than GRPO",
        f"{_ALL_WRONG} in the last half, all anatomies: GRPO minus GDQA",
        _FEWER,
        "rise",
    ),
    FigureClaim(
        6,
        "gdqa-falls",
        "GDQA's share of all-wrong groups keeps falling",
        f"{_ALL_WRONG} of GDQA: last third minus first",
        _trend("grpo-gdqa", "invalid"),
        "fall",
    ),
    FigureClaim(6, "grpo-falls", "", f"{_ALL_WRONG} of GRPO: last third minus first", _trend("grpo", "invalid"), ""),
)


def claims(anatomies: list[str]) -> tuple[FigureClaim, ...]:
    """All claims, that of Fig. 6 also for each anatomy or question type; the paper shows four anatomies."""
    by_anatomy = (
        FigureClaim(
            6,
            f"gdqa-lowers: {name}",
            "GDQA has fewer all-wrong groups than GRPO in each anatomy shown",
            f"{_ALL_WRONG} in the last half, {name}: GRPO minus GDQA",
            partial(in_anatomy, anatomy=name, measure=_FEWER),
            "rise",
        )
        for name in anatomies
    )
    return (*FIGURE_1, *FIGURE_2, *FIGURE_5, *FIGURE_6, *by_anatomy)


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
