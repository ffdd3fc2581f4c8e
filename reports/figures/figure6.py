"""Figure 6: ratio of invalid gradients by anatomy, GRPO and GRPO-GDQA. A group is invalid when all of it is wrong."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from reports.figures import draw as panels
from reports.figures.points import points
from reports.figures.scope import Scope, note, of

METHODS = ("grpo", "grpo-gdqa")


def table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of the share of invalid groups, a panel an anatomy or question type."""
    return points(of(frame, scope, METHODS), "invalid", panel="anatomy", axis=axis)


def figure(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Panels by name."""
    found = table(frame, scope, axis)
    highest = max(0.2, found["high"].max() if len(found) else 0)
    return panels.draw(
        found,
        panels.Page(
            panels=tuple(panels.Panel(name, name, limits=(0, highest * 1.05)) for name in sorted(set(found["panel"]))),
            columns=2,
            axis=axis,
            label="Share of invalid groups",
            note=note(of(frame, scope, METHODS), found, scope, "invalid: all responses wrong, by accuracy alone"),
        ),
    )
