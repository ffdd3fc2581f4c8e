"""Training curves of all methods of reinforcement learning. Not in the paper."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from anatomy_r1.results.store import MATCHED
from reports.figures import draw as panels
from reports.figures.points import POOLED, points
from reports.figures.scope import Scope, note, of
from reports.scores.names import BASELINE, method_title
from reports.scores.names import METHODS as TITLES

METHODS = tuple(TITLES)


def table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of mean accuracy, a panel a method."""
    return points(of(frame, scope, METHODS), "accuracy", panel="method", axis=axis)


def figure(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """A panel a method; GRPO's mean in grey beside each other."""
    found = table(frame, scope, axis)
    grpo = found[(found["series"] == BASELINE) & (found["seed"] == POOLED)]
    names = list(dict.fromkeys(of(frame, scope, METHODS)["method"]))
    return panels.draw(
        found,
        panels.Page(
            panels=tuple(panels.Panel(name, method_title(name, MATCHED), limits=(0, 1)) for name in names),
            columns=2,
            axis=axis,
            legend=False,
            label="Accuracy in training",
            note=note(
                of(frame, scope, METHODS), found, scope, "grey: GRPO; each method's own budget and own questions"
            ),
        ),
        {name: grpo for name in names if name != BASELINE},
    )
