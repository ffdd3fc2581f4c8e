"""The data of a figure: curves as one frame of groups, the part that is shown, its points, and the caption.

Points are means of groups over bins of training steps, pooled over seeds and for each seed.

**Bins.** All lines of one quantity share the same number of equal bins: the largest, up to `MOST_BINS`, for which every
point averages at least `FEWEST_GROUPS` groups over all seeds, or else one.

**Values.** A point's y is the mean over all groups of its bin, with the lowest and highest seed as bounds; its x is the
mean cost up to the steps of its bin, over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.curves import Curves
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, is_mini, model_title, rank

MOST_BINS = 16
"""Ours: about half of the points of the paper's Fig. 5, from a sixth of the steps that it seems to have."""
FEWEST_GROUPS = 20
"""Ours: the standard error of a share is then at most 0.11."""
POOLED = "all"
"""Value of `seed` for a point over all seeds; only these have bounds."""
COLUMNS = ("panel", "series", "seed", "first_step", "last_step", "x", "value", "low", "high", "groups")
"""Columns of a table of points and of its CSV; `x` in thousands of rollout tokens or in seconds."""
_NUMBERS = {"x": float, "value": float, "low": float, "high": float, "groups": int, "first_step": int, "last_step": int}
DECIMALS = 6
"""Points are rounded before they are drawn, so that the CSV is exactly what the figure shows."""


def groups_frame(curves: Sequence[Curves]) -> pd.DataFrame:
    """A row for each group within a method's own budget, from all trainings.

    Columns are those of a curves file, `benchmark`, `model`, `method`, `seed`, `own_steps` and two costs, `kilotokens`
    and `seconds`: what the training had spent up to the end of the group's step. DAPO's further draws count towards the
    costs but are no rows: they replace questions without a signal, so including them would flatter it.
    """
    if not curves:
        raise AnatomyR1Error("no curves. Run `tox -e reproduce-figures` first, or name another folder")
    if len({one.profile for one in curves}) > 1 or len({one.key for one in curves}) < len(curves):
        raise AnatomyR1Error(
            "curves of several profiles, or of one training twice. Fix: pass a folder with curves of one profile"
        )
    return pd.concat([_groups(one) for one in curves], ignore_index=True)


def _groups(curves: Curves) -> pd.DataFrame:
    own = curves.groups[curves.groups["step"] <= curves.own_steps]
    tokens = own.groupby("step")["tokens"].sum().cumsum() / 1000
    seconds = curves.seconds.set_index("step")["seconds"].cumsum()
    return own[own["draw"] == 0].assign(
        benchmark=curves.benchmark,
        model=curves.model,
        method=curves.method,
        seed=str(curves.run) if curves.base else curves.seed,
        own_steps=curves.own_steps,
        kilotokens=own["step"].map(tokens),
        seconds=own["step"].map(seconds),
    )


@dataclass(frozen=True)
class Scope:
    """One benchmark and one model."""

    benchmark: str
    model: str

    @property
    def title(self) -> str:
        """As captions name it; generated data are named as such."""
        return f"{benchmark_title(self.benchmark)}, {model_title(self.model, paper_beside=False)}"


def scopes(frame: pd.DataFrame) -> list[Scope]:
    """All scopes, the paper's choice first: its Figs. 5 and 6 show SGG-VQA and the larger model."""

    def order(scope: Scope) -> tuple[tuple[int, str], tuple[int, str]]:
        size = rank(MODELS, scope.model)
        return rank(BENCHMARKS, scope.benchmark.removesuffix(MINI)), (-size[0], size[1])

    pairs = frame[["benchmark", "model"]].drop_duplicates().itertuples(index=False)
    return sorted((Scope(str(benchmark), str(model)) for benchmark, model in pairs), key=order)


def chosen(frame: pd.DataFrame, benchmark: str | None, model: str | None) -> Scope:
    """The first scope with this benchmark and model (None fits all); fails with a list of scopes when none fits."""
    every = scopes(frame)
    fitting = [one for one in every if benchmark in (None, one.benchmark) and model in (None, one.model)]
    if not fitting:
        known = "; ".join(f"{one.benchmark} {one.model}" for one in every)
        raise AnatomyR1Error(
            f"no curves of {benchmark or 'any benchmark'} with {model or 'any model'}; there are: {known}"
        )
    return fitting[0]


def rows_of(frame: pd.DataFrame, scope: Scope, methods: Sequence[str]) -> pd.DataFrame:
    """The rows of a scope and of these methods, in the order of the methods."""
    rows = frame[(frame["benchmark"] == scope.benchmark) & (frame["model"] == scope.model)]
    return pd.concat([rows[rows["method"] == method] for method in methods])


def points(frame: pd.DataFrame, quantity: str, *, panel: str | None, axis: str) -> pd.DataFrame:
    """Points of one column of the frame of groups, with a line for each method.

    Args:
        frame: from `groups_frame`, of one benchmark and model; groups without a value are left out.
        quantity: name of the column.
        panel: column with the name of the panel; None for one panel, named after the quantity.
        axis: `kilotokens` or `seconds`.
    """
    kept = frame[frame[quantity].notna()]
    if kept.empty:
        return pd.DataFrame(columns=list(COLUMNS)).astype(_NUMBERS)
    named = kept.assign(
        panel=kept[panel].astype(str) if panel else quantity,
        series=kept["method"],
        value=kept[quantity].astype(float),
    )
    count = _bins(named)
    places = _places(frame.assign(bin=_bin(frame, count)), axis)
    return _rows(named.assign(bin=_bin(named, count)), places).round(DECIMALS)


def _bins(named: pd.DataFrame) -> int:
    """Number of bins (see above), from rows with `panel`, `series`, `step` and `own_steps`."""
    lines = named.groupby(["panel", "series"]).ngroups
    for count in range(MOST_BINS, 1, -1):
        sizes = named.assign(bin=_bin(named, count)).groupby(["panel", "series", "bin"]).size()
        if len(sizes) == lines * count and sizes.min() >= FEWEST_GROUPS:
            return count
    return 1


def _bin(rows: pd.DataFrame, count: int) -> pd.Series[int]:
    return (rows["step"] - 1) * count // rows["own_steps"]


def _places(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """For each line and bin: its x, and its first and last step."""
    steps = rows.drop_duplicates(["method", "seed", "step"])
    return (
        steps.groupby(["method", "bin"])
        .agg(x=(axis, "mean"), first_step=("step", "min"), last_step=("step", "max"))
        .rename_axis(index=["series", "bin"])
    )


def _rows(binned: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    line, every = ["panel", "series", "bin"], {"value": ("value", "mean"), "groups": ("value", "size")}
    seeds = binned.groupby([*line, "seed"]).agg(**every).reset_index()
    spread = seeds.groupby(line)["value"].agg(low="min", high="max")
    pooled = binned.groupby(line).agg(**every).join(spread).reset_index().assign(seed=POOLED)
    both = pd.concat([pooled, seeds.assign(low=np.nan, high=np.nan)], ignore_index=True)
    both = both.join(places, on=["series", "bin"]).astype(dict.fromkeys(("x", "value", "low", "high"), float))
    both = both.assign(seed=both["seed"].astype(str))
    return both.sort_values(["panel", "series", "seed", "bin"], kind="stable", ignore_index=True)[list(COLUMNS)]


def caption(rows: pd.DataFrame, points: pd.DataFrame, scope: Scope, words: str) -> str:
    """What a reader must know: data, seeds or runs, groups and steps per point, what the lines are, and `words`."""
    runs, members = rows.groupby("method")["seed"].nunique(), sorted(set(rows["members"]))
    bases = len({name.rpartition("/")[0] for name in rows["seed"].astype(str)})
    one, of = ("run", f" of {bases} bases") if bases > 1 else ("seed", "")
    pooled = points[points["seed"] == POOLED]
    parts = [
        scope.title,
        f"{_span(runs.tolist())} {one}{'s' if runs.max() > 1 else ''}{of}",
        f"each point averages {_span(pooled['groups'].tolist())} groups of {_span(members)} responses over "
        f"{_span((pooled['last_step'] - pooled['first_step'] + 1).tolist())} steps",
        *([f"thick: mean; thin: single {one}s"] if runs.max() > 1 else []),
        words,
        *(["mini world: says nothing about Qwen2.5-VL"] if is_mini(scope.benchmark) else []),
    ]
    return "; ".join(parts) + "."


def _span(values: Sequence[int]) -> str:
    if not values:
        return "no"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
