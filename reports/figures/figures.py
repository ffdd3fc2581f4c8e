"""The figures: Figures 1, 2, 5 and 6 of the paper and curves of all methods, over rollout tokens and over seconds.

A figure over training curves is a value: which methods and quantities it shows, its panels, and what its caption says.
Below are the files of every figure and of the figures' statements, from a folder of training curves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED
from anatomy_r1.training.curves import Curves, load_curves
from reports.figures import figure2_samples
from reports.figures.draw import Panel, draw, rendered
from reports.figures.points import POOLED, Scope, caption, chosen, groups_frame, points, rows_of
from reports.figures.statements import as_csv, as_json, statements
from reports.scores.names import BASELINE, METHODS, method_title


@dataclass(frozen=True)
class CurveFigure:
    """A figure over training curves."""

    methods: tuple[str, ...]
    quantities: tuple[str, ...]
    """Columns of the frame of groups."""
    panels: Callable[[pd.DataFrame], list[Panel]]
    """Points -> panels."""
    words: str
    """What the caption says besides what all captions say."""
    panel: str | None = None
    """Column with the name of the panel; None for a panel for each quantity."""
    label: str = ""
    """One y label for all panels."""
    legend: bool = True
    context: Callable[[pd.DataFrame], Mapping[str, pd.DataFrame]] = lambda _: {}
    """Points -> points of grey lines by panel."""

    def table(self, frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
        """The points that are drawn, from `groups_frame`'s frame."""
        rows = rows_of(frame, scope, self.methods)
        parts = [points(rows, quantity, panel=self.panel, axis=axis) for quantity in self.quantities]
        return pd.concat(parts, ignore_index=True)

    def figure(self, frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
        """The drawing."""
        found = self.table(frame, scope, axis)
        note = caption(rows_of(frame, scope, self.methods), found, scope, self.words)
        context = self.context(found)
        return draw(found, self.panels(found), context, axis=axis, note=note, label=self.label, legend=self.legend)


def _pooled(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["seed"] == POOLED]


def _best_first(found: pd.DataFrame) -> list[Panel]:
    last = _pooled(found).groupby("panel").tail(1).sort_values("value", ascending=False, kind="stable")
    return [Panel(str(name), str(name), limits=(0, 1)) for name in last["panel"]]


def _all_wrong(found: pd.DataFrame) -> list[Panel]:
    top = 1.05 * max(0.2, found["high"].max() if len(found) else 0)
    return [Panel(name, name, limits=(0, top)) for name in sorted(set(found["panel"]))]


def _by_method(found: pd.DataFrame) -> list[Panel]:
    shown = set(found["panel"])
    return [Panel(name, method_title(name, MATCHED), limits=(0, 1)) for name in METHODS if name in shown]


_REWARD = {"reward": "Reward:\naccuracy, format", "accuracy": "Reward:\naccuracy alone", "similarity": "S(q)"}
"""Figure 5. The paper does not say whether its reward counts format: shown are the trained sum, and accuracy alone."""
_DIVERSITY = {
    "distinct_texts": "Distinct texts\n(of a group)",
    "distinct_choices": "Distinct choices\n(of a group)",
    "entropy_bits": "Entropy of\nchoices (bits)",
}
"""Figure 2. Distinct texts are known where the training log holds texts."""

CURVE_FIGURES = {
    "figure1": CurveFigure(  # does GRPO learn some anatomies and leave others?
        methods=("grpo",),
        quantities=("accuracy",),
        panels=_best_first,
        words="GRPO; panels in the order of their last point; grey: the other panels",
        panel="anatomy",
        label="Accuracy in training",
        legend=False,
        context=lambda found: {name: _pooled(found)[_pooled(found)["panel"] != name] for name in set(found["panel"])},
    ),
    "figure2": CurveFigure(  # how diverse the responses of a group are; groups themselves: `figure2_samples`
        methods=("grpo", "grpo-gdqa"),
        quantities=tuple(_DIVERSITY),
        panels=lambda _: [Panel(name, label=label) for name, label in _DIVERSITY.items()],
        words="texts: every tenth step; unparsed responses count as one choice",
    ),
    "figure5": CurveFigure(  # reward and S(q) in training
        methods=("grpo", "grpo-asc"),
        quantities=tuple(_REWARD),
        panels=lambda _: [Panel(name, label=label) for name, label in _REWARD.items()],
        words="S(q): of the options served, where known",
    ),
    "figure6": CurveFigure(  # share of all-wrong groups by anatomy, which the paper calls invalid
        methods=("grpo", "grpo-gdqa"),
        quantities=("invalid",),
        panels=_all_wrong,
        words="all-wrong: no response is right, by accuracy alone",
        panel="anatomy",
        label="Share of all-wrong groups",
    ),
    "training_curves": CurveFigure(  # not in the paper
        methods=tuple(METHODS),
        quantities=("accuracy",),
        panels=_by_method,
        words="grey: GRPO; each method's own budget and questions",
        panel="method",
        label="Accuracy in training",
        legend=False,
        context=lambda found: dict.fromkeys(
            set(found["panel"]) - {BASELINE}, _pooled(found)[_pooled(found)["series"] == BASELINE]
        ),
    ),
}
"""Name of the files -> figure."""

FOLDER = "curves"
AXES = {"kilotokens": "", "seconds": "_seconds"}
"""Column of the x axis -> end of the file's name. Seconds are separate, because they differ from run to run."""


@dataclass(frozen=True)
class Drawing:
    """One figure over one axis."""

    name: str
    """Name of its files, without suffix."""
    draw: Callable[[], Figure]
    table: pd.DataFrame
    """What it shows, as in its CSV."""


def figure_files(store: Path, benchmark: str | None = None, model: str | None = None) -> dict[str, bytes]:
    """File name -> content: each figure as PDF, SVG, PNG and CSV over either axis, and all statements.

    The curves are in `curves/` in the given folder, or beside it if that is a result store. Figures whose methods did
    not run are left out.

    Raises:
        AnatomyR1Error: when there are no curves, or none of that benchmark and model.
    """
    folder = next((one for one in (store / FOLDER, store.parent / FOLDER) if one.is_dir()), None)
    if folder is None:
        raise AnatomyR1Error(f"no {FOLDER}/ in it or beside it. Run `tox -e reproduce-figures` first")
    curves = load_curves(folder)
    found = drawings(curves, benchmark, model)
    files = data_files(curves, found)
    for drawing in found:
        files |= {f"{drawing.name}.{suffix}": content for suffix, content in rendered(drawing.draw).items()}
    return files


def data_files(curves: Sequence[Curves], found: Sequence[Drawing]) -> dict[str, bytes]:
    """File name -> content of the files without drawings: the CSV of each figure, and the statements."""
    stated = statements(groups_frame(curves))
    files = {"figure_statements.csv": as_csv(stated).encode(), "figure_statements.json": as_json(stated).encode()}
    for drawing in found:
        files[f"{drawing.name}.csv"] = drawing.table.to_csv(index=False, lineterminator="\n").encode()
    return files


def drawings(curves: Sequence[Curves], benchmark: str | None = None, model: str | None = None) -> list[Drawing]:
    """Every figure for which there is data."""
    frame = groups_frame(curves)
    scope = chosen(frame, benchmark, model)
    found = [
        Drawing(name + end, partial(one.figure, frame, scope, axis), one.table(frame, scope, axis))
        for name, one in CURVE_FIGURES.items()
        for axis, end in AXES.items()
    ]
    seed, groups = figure2_samples.samples(curves, scope)
    draw_samples = partial(figure2_samples.figure, groups, seed, scope)
    found.append(Drawing("figure2_samples", draw_samples, figure2_samples.table(groups)))
    return [drawing for drawing in found if len(drawing.table)]
