"""Figure 1: learning curves of GRPO by anatomy. Does it learn some and leave others?

Figure 5: reward and S(q) during training, GRPO and GRPO-ASC-Learning.

The paper does not say whether its reward counts form. Both stand here: the sum that was trained on, and accuracy alone.

Figure 6: ratio of invalid gradients by anatomy, GRPO and GRPO-GDQA. A group is invalid when all of it is wrong.

Training curves of all methods of reinforcement learning. Not in the paper.

Figure 2: how unlike the responses of a group are, over training. The groups themselves are in `figure2_samples`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from anatomy_r1.results.store import MATCHED
from reports.figures import draw as panels
from reports.figures.points import POOLED, points, stacked
from reports.figures.scope import Scope, note, of
from reports.scores.names import BASELINE, method_title
from reports.scores.names import METHODS as TITLES

METHODS_FIGURE1 = ("grpo",)


def figure1_table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of mean accuracy (share of responses that are right), a panel an anatomy or question type."""
    return points(of(frame, scope, METHODS_FIGURE1), "accuracy", panel="anatomy", axis=axis)


def figure1(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Panels from best to worst at the end; the other anatomies in grey."""
    found = figure1_table(frame, scope, axis)
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
                of(frame, scope, METHODS_FIGURE1),
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


METHODS_FIGURE5 = ("grpo", "grpo-asc")
QUANTITIES_FIGURE5 = {"reward": "Reward:\naccuracy, form", "accuracy": "Reward:\naccuracy alone", "similarity": "S(q)"}


def figure5_table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of each quantity, a panel a quantity."""
    return stacked(of(frame, scope, METHODS_FIGURE5), QUANTITIES_FIGURE5, axis)


def figure5(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Three panels, one above the other."""
    found = figure5_table(frame, scope, axis)
    return panels.draw(
        found,
        panels.column(
            QUANTITIES_FIGURE5,
            axis,
            note(of(frame, scope, METHODS_FIGURE5), found, scope, "S(q): of the options served, where it is known"),
        ),
    )


METHODS_FIGURE6 = ("grpo", "grpo-gdqa")


def figure6_table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of the share of invalid groups, a panel an anatomy or question type."""
    return points(of(frame, scope, METHODS_FIGURE6), "invalid", panel="anatomy", axis=axis)


def figure6(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Panels by name."""
    found = figure6_table(frame, scope, axis)
    highest = max(0.2, found["high"].max() if len(found) else 0)
    return panels.draw(
        found,
        panels.Page(
            panels=tuple(panels.Panel(name, name, limits=(0, highest * 1.05)) for name in sorted(set(found["panel"]))),
            columns=2,
            axis=axis,
            label="Share of invalid groups",
            note=note(
                of(frame, scope, METHODS_FIGURE6), found, scope, "invalid: all responses wrong, by accuracy alone"
            ),
        ),
    )


METHODS_TRAINING = tuple(TITLES)


def training_curves_table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of mean accuracy, a panel a method."""
    return points(of(frame, scope, METHODS_TRAINING), "accuracy", panel="method", axis=axis)


def training_curves(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """A panel a method; GRPO's mean in grey beside each other."""
    found = training_curves_table(frame, scope, axis)
    grpo = found[(found["series"] == BASELINE) & (found["seed"] == POOLED)]
    names = list(dict.fromkeys(of(frame, scope, METHODS_TRAINING)["method"]))
    return panels.draw(
        found,
        panels.Page(
            panels=tuple(panels.Panel(name, method_title(name, MATCHED), limits=(0, 1)) for name in names),
            columns=2,
            axis=axis,
            legend=False,
            label="Accuracy in training",
            note=note(
                of(frame, scope, METHODS_TRAINING),
                found,
                scope,
                "grey: GRPO; each method's own budget and own questions",
            ),
        ),
        {name: grpo for name in names if name != BASELINE},
    )


METHODS_FIGURE2 = ("grpo", "grpo-gdqa")
QUANTITIES_FIGURE2 = {
    "distinct_texts": "Distinct texts\n(of a group)",
    "distinct_choices": "Distinct choices\n(of a group)",
    "entropy_bits": "Entropy of\nchoices (bits)",
}


def figure2_table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of each quantity, a panel a quantity; distinct texts where the log holds texts."""
    return stacked(of(frame, scope, METHODS_FIGURE2), QUANTITIES_FIGURE2, axis)


def figure2(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Three panels, one above the other."""
    found = figure2_table(frame, scope, axis)
    words = "texts: every tenth step; unparsed responses count as one choice"
    return panels.draw(
        found,
        panels.column(QUANTITIES_FIGURE2, axis, note(of(frame, scope, METHODS_FIGURE2), found, scope, words)),
    )


@dataclass(frozen=True)
class CurveFigure:
    """A figure over training curves: its points, and the drawing of them."""

    table: Callable[[pd.DataFrame, Scope, str], pd.DataFrame]
    """Groups, scope and axis to the points that are drawn; its CSV."""
    figure: Callable[[pd.DataFrame, Scope, str], Figure]


CURVE_FIGURES = {
    "figure1": CurveFigure(figure1_table, figure1),
    "figure2": CurveFigure(figure2_table, figure2),
    "figure5": CurveFigure(figure5_table, figure5),
    "figure6": CurveFigure(figure6_table, figure6),
    "training_curves": CurveFigure(training_curves_table, training_curves),
}
"""Name of the files -> figure."""
