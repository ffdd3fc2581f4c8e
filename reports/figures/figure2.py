"""Figure 2: how unlike the responses of a group are, over training. The groups themselves are in `figure2_samples`."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from reports.figures import draw as panels
from reports.figures.points import stacked
from reports.figures.scope import Scope, note, of

METHODS = ("grpo", "grpo-gdqa")
QUANTITIES = {
    "distinct_texts": "Distinct texts\n(of a group)",
    "distinct_choices": "Distinct choices\n(of a group)",
    "entropy_bits": "Entropy of\nchoices (bits)",
}


def table(frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
    """Points of each quantity, a panel a quantity; distinct texts where the log holds texts."""
    return stacked(of(frame, scope, METHODS), QUANTITIES, axis)


def figure(frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
    """Three panels, one above the other."""
    found = table(frame, scope, axis)
    words = "texts: every tenth step; unparsed responses count as one choice"
    return panels.draw(
        found,
        panels.column(QUANTITIES, axis, note(of(frame, scope, METHODS), found, scope, words)),
    )
