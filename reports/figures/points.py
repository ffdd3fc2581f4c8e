"""Points of a figure: means of groups over bins of training steps, pooled over seeds and for each seed.

**Bins.** All lines of one quantity share the same number of equal bins: the largest, up to `MOST_BINS`, for which every
point averages at least `FEWEST_GROUPS` groups over all seeds, or else one.

**Values.** A point's y is the mean over all groups of its bin, with the lowest and highest seed as bounds; its x is the
mean cost up to the steps of its bin, over seeds.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

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
    binned = named.assign(bin=_bin(named, bins(named)))
    places = _places(frame.assign(bin=_bin(frame, bins(named))), axis)
    return _rows(binned, places).round(DECIMALS)


def stacked(frame: pd.DataFrame, quantities: Iterable[str], axis: str) -> pd.DataFrame:
    """Points of several columns, a panel for each."""
    return pd.concat([points(frame, quantity, panel=None, axis=axis) for quantity in quantities], ignore_index=True)


def bins(named: pd.DataFrame) -> int:
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
