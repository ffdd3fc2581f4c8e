"""The figures: Figures 1, 2, 5 and 6 of the paper and curves of all methods, over rollout tokens or over seconds.

A figure over training curves is a value: which methods and quantities it shows, its panels, and what its caption says.
Below are the files of every figure, its caption (NAME.txt) and the figures' statements, from a folder of curves.
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
from reports.formats import frame_csv
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
    pooled: str = ""
    """Title of a first panel over all groups, for a figure whose claim is about all; empty for none."""
    label: str = ""
    """One y label for all panels."""
    legend: bool = True
    context: Callable[[pd.DataFrame], Mapping[str, pd.DataFrame]] = lambda _: {}
    """Points -> points of grey lines by panel."""

    def table(self, frame: pd.DataFrame, scope: Scope, axis: str) -> pd.DataFrame:
        """The points that are drawn, from `groups_frame`'s frame."""
        rows = rows_of(frame, scope, self.methods)
        whole = rows.assign(whole=self.pooled)
        parts = [points(whole, quantity, panel="whole", axis=axis) for quantity in self.quantities if self.pooled]
        parts += [points(rows, quantity, panel=self.panel, axis=axis) for quantity in self.quantities]
        return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)

    def figure(self, frame: pd.DataFrame, scope: Scope, axis: str) -> Figure:
        """The drawing."""
        found = self.table(frame, scope, axis)
        return draw(found, self.panels(found), self.context(found), axis=axis, label=self.label, legend=self.legend)

    def caption(self, frame: pd.DataFrame, scope: Scope, axis: str) -> str:
        """What a reader of the drawing must know."""
        return caption(rows_of(frame, scope, self.methods), self.table(frame, scope, axis), scope, self.words)


def _pooled(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["seed"] == POOLED]


EVERY = "All anatomies"
CHANCE = 0.25
"""Of four options."""


def _anatomies(found: pd.DataFrame) -> list[str]:
    """Names of the panels of a figure by anatomy: all together, then each by name, in every figure the same."""
    return sorted(set(found["panel"]), key=lambda name: (name != EVERY, name))


def _accuracies(found: pd.DataFrame) -> list[Panel]:
    return [Panel(name, name, limits=(0, 1), chance=CHANCE) for name in _anatomies(found)]


def _all_wrong(found: pd.DataFrame) -> list[Panel]:
    top = 1.05 * max(0.2, found["value"].max() if len(found) else 0)
    return [Panel(name, name, limits=(0, top)) for name in _anatomies(found)]


def _by_method(found: pd.DataFrame) -> list[Panel]:
    shown = set(found["panel"])
    return [Panel(name, method_title(name, MATCHED), limits=(0, 1), chance=CHANCE) for name in METHODS if name in shown]


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
        panels=_accuracies,
        words="GRPO; grey: the other anatomies; dashed: chance",
        panel="anatomy",
        pooled=EVERY,
        label="Accuracy in training",
        legend=False,
        context=lambda found: {
            name: _pooled(found)[~_pooled(found)["panel"].isin((name, EVERY))] for name in set(found["panel"]) - {EVERY}
        },
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
        panels=lambda _: [
            Panel(name, label=label, chance=CHANCE if name == "accuracy" else None) for name, label in _REWARD.items()
        ],
        words="S(q): of the options served, where known; dashed: chance",
    ),
    "figure6": CurveFigure(  # share of all-wrong groups by anatomy, which the paper calls invalid
        methods=("grpo", "grpo-gdqa"),
        quantities=("invalid",),
        panels=_all_wrong,
        words="all-wrong: no response is right, by accuracy alone",
        panel="anatomy",
        pooled=EVERY,
        label="Share of all-wrong groups",
    ),
    "training_curves": CurveFigure(  # not in the paper
        methods=tuple(METHODS),
        quantities=("accuracy",),
        panels=_by_method,
        words="grey: GRPO; dashed: chance; each method's own budget and questions",
        panel="method",
        label="Accuracy in training",
        legend=False,
        context=lambda found: dict.fromkeys(
            set(found["panel"]) - {BASELINE}, _pooled(found)[_pooled(found)["series"] == BASELINE]
        ),
    ),
}
"""Name of the files -> figure."""

FOLDER, SAMPLES = "curves", "figure2_samples"
AXES = {"kilotokens": "", "seconds": "_seconds"}
"""Column of the x axis -> end of the file's name. Seconds are asked for, because they differ from run to run."""


SUFFIXES = ("pdf", "svg", "png", "csv", "txt")


def every_name() -> set[str]:
    """The files of all figures over all axes, whether there are data for them or not."""
    ends = [name + end for name in (*CURVE_FIGURES, SAMPLES) for end in AXES.values()]
    return {f"{name}.{suffix}" for name in ends for suffix in SUFFIXES}


@dataclass(frozen=True)
class Drawing:
    """One figure over one axis."""

    name: str
    """Name of its files, without suffix."""
    draw: Callable[[], Figure]
    table: pd.DataFrame
    """What it shows, as in its CSV."""
    caption: str


def figure_files(
    store: Path, benchmark: str | None = None, model: str | None = None, *, seconds: bool = False
) -> dict[str, bytes]:
    """File name -> content: each figure as PDF, SVG, PNG, CSV and caption, and all statements.

    The curves are in `curves/` in the given folder, or beside it if that is a result store. Figures whose methods did
    not run are left out. `seconds` draws every figure over wall-clock time too.

    Raises:
        AnatomyR1Error: when there are no curves, or none of that benchmark and model.
    """
    folder = next((one for one in (store / FOLDER, store.parent / FOLDER) if one.is_dir()), None)
    if folder is None:
        raise AnatomyR1Error(f"no {FOLDER}/ in it or beside it. Run `tox -e reproduce-figures` first")
    curves = load_curves(folder)
    found = drawings(curves, benchmark, model, seconds=seconds, pictures=folder.parent)
    files = data_files(curves, found)
    for drawing in found:
        files |= {f"{drawing.name}.{suffix}": content for suffix, content in rendered(drawing.draw).items()}
    return files


def data_files(curves: Sequence[Curves], found: Sequence[Drawing]) -> dict[str, bytes]:
    """File name -> content of the files without drawings: CSV and caption of each figure, and the statements."""
    stated = statements(groups_frame(curves))
    files = {"figure_statements.csv": as_csv(stated).encode(), "figure_statements.json": as_json(stated).encode()}
    for drawing in found:
        files[f"{drawing.name}.csv"] = frame_csv(drawing.table).encode()
        files[f"{drawing.name}.txt"] = f"{drawing.caption}\n".encode()
    return files


def drawings(
    curves: Sequence[Curves],
    benchmark: str | None = None,
    model: str | None = None,
    *,
    seconds: bool = False,
    pictures: Path | None = None,
) -> list[Drawing]:
    """Every figure for which there is data; `pictures` is the folder with the pictures of Figure 2's questions."""
    frame = groups_frame(curves)
    scope = chosen(frame, benchmark, model)
    found = [
        Drawing(name + end, partial(one.figure, frame, scope, axis), table, one.caption(frame, scope, axis))
        for name, one in CURVE_FIGURES.items()
        for axis, end in AXES.items()
        if (seconds or not end) and len(table := one.table(frame, scope, axis))
    ]
    run, groups = figure2_samples.samples(curves, scope)
    if groups:
        shown = figure2_samples.pictures(groups, scope, pictures)
        draw_samples = partial(figure2_samples.figure, groups, shown)
        told = figure2_samples.caption(run, scope, len(shown))
        found.append(Drawing(SAMPLES, draw_samples, figure2_samples.table(groups), told))
    return found
