"""Files of every figure and of the figures' statements, from a folder of training curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.curves import Curves, load_curves
from reports.figures import figure2_samples
from reports.figures.curve_figures import CURVE_FIGURES
from reports.figures.draw import rendered
from reports.figures.scope import chosen, groups_frame
from reports.figures.statements import as_csv, as_json, statements

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
