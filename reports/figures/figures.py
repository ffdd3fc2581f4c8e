"""The figures over training curves: Figures 1, 2, 5 and 6 of the paper, and curves of all methods.

Each is a value: which methods it shows, the points it draws (also its CSV), how panels are laid out, and what its
caption says.

Files of every figure and of the figures' statements, from a folder of training curves.
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
from reports.figures.draw import FigureLayout, Panel, draw, one_column, rendered
from reports.figures.points import POOLED, Scope, caption, chosen, groups_frame, points, rows_of, stacked
from reports.figures.statements import as_csv, as_json, statements
from reports.scores.names import BASELINE, METHODS, method_title


@dataclass(frozen=True)
class CurveFigure:
    """A figure over training curves."""

    methods: tuple[str, ...]
    points: Callable[[pd.DataFrame, str], pd.DataFrame]
    """Groups of these methods, and the axis -> points."""
    layout: Callable[[pd.DataFrame, str, str], FigureLayout]
    """Points, axis and caption -> layout."""
    words: str
    """What the caption says besides what all captions say."""
    context: Callable[[pd.DataFrame], Mapping[str, pd.DataFrame]] = lambda _: {}
    """Points -> points of grey lines by panel."""

    def table(self, frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
        """The points that are drawn, from `groups_frame`'s frame."""
        return self.points(rows_of(frame, scope, self.methods), axis)

    def figure(self, frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
        """The drawing."""
        rows = rows_of(frame, scope, self.methods)
        found = self.points(rows, axis)
        layout = self.layout(found, axis, caption(rows, found, scope, self.words))
        return draw(found, layout, self.context(found))


def _accuracy_by(column: str) -> Callable[[pd.DataFrame, str], pd.DataFrame]:
    return lambda rows, axis: points(rows, "accuracy", panel=column, axis=axis)


def _quantities(labels: Mapping[str, str]) -> Callable[[pd.DataFrame, str], pd.DataFrame]:
    return lambda rows, axis: stacked(rows, labels, axis)


def _pooled(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["seed"] == POOLED]


def _by_last_value(found: pd.DataFrame) -> list[str]:
    """Panels, best last point first."""
    last = _pooled(found).groupby("panel").tail(1).sort_values("value", ascending=False, kind="stable")
    return [str(name) for name in last["panel"]]


def _by_method(found: pd.DataFrame) -> list[str]:
    return [name for name in METHODS if name in set(found["panel"])]


def _accuracy_layout(titles: Mapping[str, str], axis: str, note: str) -> FigureLayout:
    panels = tuple(Panel(name, title, limits=(0, 1)) for name, title in titles.items())
    return FigureLayout(panels, columns=2, axis=axis, note=note, label="Accuracy in training", legend=False)


def _all_wrong_layout(found: pd.DataFrame, axis: str, note: str) -> FigureLayout:
    top = 1.05 * max(0.2, found["high"].max() if len(found) else 0)
    panels = tuple(Panel(name, name, limits=(0, top)) for name in sorted(set(found["panel"])))
    return FigureLayout(panels, columns=2, axis=axis, note=note, label="Share of all-wrong groups")


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
        points=_accuracy_by("anatomy"),
        layout=lambda found, axis, note: _accuracy_layout({name: name for name in _by_last_value(found)}, axis, note),
        words="GRPO; panels in the order of their last point; grey: the other panels",
        context=lambda found: {name: _pooled(found)[_pooled(found)["panel"] != name] for name in set(found["panel"])},
    ),
    "figure2": CurveFigure(  # how diverse the responses of a group are; groups themselves: `figure2_samples`
        methods=("grpo", "grpo-gdqa"),
        points=_quantities(_DIVERSITY),
        layout=lambda _, axis, note: one_column(_DIVERSITY, axis, note),
        words="texts: every tenth step; unparsed responses count as one choice",
    ),
    "figure5": CurveFigure(  # reward and S(q) in training
        methods=("grpo", "grpo-asc"),
        points=_quantities(_REWARD),
        layout=lambda _, axis, note: one_column(_REWARD, axis, note),
        words="S(q): of the options served, where known",
    ),
    "figure6": CurveFigure(  # share of all-wrong groups by anatomy, which the paper calls invalid
        methods=("grpo", "grpo-gdqa"),
        points=lambda rows, axis: points(rows, "invalid", panel="anatomy", axis=axis),
        layout=_all_wrong_layout,
        words="all-wrong: no response is right, by accuracy alone",
    ),
    "training_curves": CurveFigure(  # not in the paper
        methods=tuple(METHODS),
        points=_accuracy_by("method"),
        layout=lambda found, axis, note: _accuracy_layout(
            {name: method_title(name, MATCHED) for name in _by_method(found)}, axis, note
        ),
        words="grey: GRPO; each method's own budget and questions",
        context=lambda found: {
            name: _pooled(found)[_pooled(found)["series"] == BASELINE] for name in _by_method(found) if name != BASELINE
        },
    ),
}
"""Name of the files -> figure."""


FOLDER = "curves"
AXES = {"kilotokens": "", "seconds": "_seconds"}
"""Column of the x axis -> end of the file's name. Seconds are separate, because they differ from run to run."""


def curves_folder(store: Path) -> Path:
    """`curves/` in the given folder, or beside it if that is a result store.

    Raises:
        AnatomyR1Error: when there is none.
    """
    for folder in (store / FOLDER, store.parent / FOLDER):
        if folder.is_dir():
            return folder
    raise AnatomyR1Error(f"no {FOLDER}/ in it or beside it. Run `tox -e reproduce-figures` first")


def figure_files(store: Path, benchmark: str | None = None, model: str | None = None) -> dict[str, bytes]:
    """File name -> content: each figure as PDF, SVG, PNG and CSV over either axis, and all statements.

    Figures whose methods did not run are left out.

    Raises:
        AnatomyR1Error: when there are no curves, or none of that benchmark and model.
    """
    curves = load_curves(curves_folder(store))
    found = drawings(curves, benchmark, model)
    drawn = {
        f"{drawing.name}.{suffix}": content for drawing in found for suffix, content in rendered(drawing.draw).items()
    }
    return {**data_files(curves, found), **drawn}


def data_files(curves: Sequence[Curves], found: Sequence[Drawing]) -> dict[str, bytes]:
    """File name -> content of the files without drawings: the CSV of each figure, and the statements."""
    stated = statements(groups_frame(curves))
    files = {"figure_statements.csv": as_csv(stated).encode(), "figure_statements.json": as_json(stated).encode()}
    for drawing in found:
        files[f"{drawing.name}.csv"] = drawing.table.to_csv(index=False, lineterminator="\n").encode()
    return files


@dataclass(frozen=True)
class Drawing:
    """One figure over one axis."""

    name: str
    """Name of its files, without suffix."""
    draw: Callable[[], Figure]
    table: pd.DataFrame
    """What it shows, as in its CSV."""


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
    shown = Drawing(
        "figure2_samples", partial(figure2_samples.figure, groups, seed, scope), figure2_samples.table(groups)
    )
    return [drawing for drawing in [*found, shown] if len(drawing.table)]
