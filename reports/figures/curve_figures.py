"""Figure 1: learning curves of GRPO by anatomy. Does it learn some and leave others?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from reports.figures import draw as panels
from reports.figures.points import POOLED, points
from reports.figures.scope import Scope, note, of

METHODS = ("grpo",)


def table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of mean accuracy (share of responses that are right), a panel an anatomy or question type."""
    return points(of(frame, scope, METHODS), "accuracy", panel="anatomy", axis=axis)


def figure(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Panels from best to worst at the end; the other anatomies in grey."""
    found = table(frame, scope, axis)
    names = by_last_value(found)
    pooled = found[found["seed"] == POOLED]
    return panels.draw(
        found,
        panels.Page(
            panels=tuple(panels.Panel(name, name, limits=(0, 1)) for name in names),
            columns=2,
            axis=axis,
            legend=False,
            label="Accuracy in training",
            note=note(
                of(frame, scope, METHODS),
                found,
                scope,
                "GRPO; panels in the order of their last point; grey: the other panels",
            ),
        ),
        {name: pooled[pooled["panel"] != name] for name in names},
    )


def by_last_value(found: pd.DataFrame) -> list[str]:
    """Panels, best last point first."""
    pooled = found[found["seed"] == POOLED]
    last = pooled.groupby("panel").tail(1).sort_values("value", ascending=False, kind="stable")
    return [str(name) for name in last["panel"]]
