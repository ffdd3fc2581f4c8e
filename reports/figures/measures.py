"""Quantities of a training, one value per seed, from the groups of one benchmark and model.

Windows are shares of a method's own steps (ours: the paper's figures have no numbers on their x axes).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

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
