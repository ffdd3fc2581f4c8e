"""Thin writer: a folder of curves in, files of every figure out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from anatomy_r1.curves import Curves, load_curves
from anatomy_r1.errors import AnatomyR1Error
from reports.figures import figure1, figure2, figure2_samples, figure5, figure6, training
from reports.figures.frame import groups_frame
from reports.figures.save import rendered
from reports.figures.scope import Scope, chosen
from reports.figures.statements import as_csv, as_json, statements

FOLDER = "curves"
FIGURES = {"figure1": figure1, "figure2": figure2, "figure5": figure5, "figure6": figure6, "training_curves": training}
AXES = {"kilotokens": "", "seconds": "_seconds"}
"""Column of the x axis -> end of the file's name. Seconds stand apart, for no two runs share them."""


def curves_folder(store: Path) -> Path:
    """`curves/` in the folder given, or beside it where that is a result store.

    Raises:
        AnatomyR1Error: when there is none.
    """
    for folder in (store / FOLDER, store.parent / FOLDER):
        if folder.is_dir():
            return folder
    raise AnatomyR1Error(f"no {FOLDER}/ in it or beside it. Run `tox -e reproduce-figures` first")


def figure_files(store: Path, benchmark: str | None = None, model: str | None = None) -> dict[str, bytes]:
    """File name -> content: each figure as PDF, SVG, PNG and CSV over either axis, and the statements of all.

    A figure whose methods did not run is left out.

    Raises:
        AnatomyR1Error: when there are no curves, or none of that benchmark and model.
    """
    curves = load_curves(curves_folder(store))
    frame = groups_frame(curves)
    scope, stated = chosen(frame, benchmark, model), statements(frame)
    files = {"figure_statements.csv": as_csv(stated).encode(), "figure_statements.json": as_json(stated).encode()}
    for name, draw, table in _drawings(curves, frame, scope):
        if len(table):
            files |= {f"{name}.{suffix}": content for suffix, content in rendered(draw).items()}
            files[f"{name}.csv"] = table.to_csv(index=False, lineterminator="\n").encode()
    return files


def _drawings(
    curves: Sequence[Curves], frame: pd.DataFrame, scope: Scope
) -> Iterator[tuple[str, Callable[[], Figure], pd.DataFrame]]:
    """Name, how it is drawn, and its data."""
    for name, module in FIGURES.items():
        for axis, end in AXES.items():
            yield (
                name + end,
                lambda of=module, axis=axis: of.figure(frame, scope, axis),
                module.table(frame, scope, axis),
            )
    seed, groups = figure2_samples.samples(curves, scope)
    yield "figure2_samples", lambda: figure2_samples.figure(groups, seed, scope), figure2_samples.table(groups)
