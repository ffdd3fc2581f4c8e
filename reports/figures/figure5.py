"""Figure 5: reward and S(q) during training, GRPO and GRPO-ASC-Learning.

The paper does not say whether its reward counts form. Both stand here: the sum that was trained on, and accuracy alone.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from reports.figures import draw as panels
from reports.figures.points import stacked
from reports.figures.scope import Scope, note, of

METHODS = ("grpo", "grpo-asc")
QUANTITIES = {"reward": "Reward:\naccuracy, form", "accuracy": "Reward:\naccuracy alone", "similarity": "S(q)"}


def table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of each quantity, a panel a quantity."""
    return stacked(of(frame, scope, METHODS), QUANTITIES, axis)


def figure(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Three panels, one above the other."""
    found = table(frame, scope, axis)
    return panels.draw(
        found,
        panels.column(
            QUANTITIES,
            axis,
            note(of(frame, scope, METHODS), found, scope, "S(q): of the options served, where it is known"),
        ),
    )
