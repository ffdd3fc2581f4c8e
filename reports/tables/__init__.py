"""The tables, and `TABLES`: those that `python -m reports` makes. How to add one: `reports/__init__.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from anatomy_r1.tables.table import Document
    from reports.scores.scores import Score


@dataclass(frozen=True)
class TableExport:
    """What is written of a table: a report in the formats that people read, and scores in the CSV."""

    report: Document
    scores: Sequence[Score]
    """Every number, the paired differences included."""
    paper: Callable[[Score], float | None] = lambda _: None
    """The paper's number for a score, if it has one."""


class TableCommand(NamedTuple):
    """A table that `python -m reports` makes."""

    title: str
    """In the help text."""
    module: str
    """Where its `export` is; imported only when the table is made, so that `--help` is fast."""
    run_first: str
    """Command that fills a store."""
    figure: str = ""
    """Module with `figure_files(results)`, where the table has a figure; it may find nothing to draw."""
    figure_name: str = ""
    """Name of the figure's files, without suffix."""


TABLES: Mapping[str, TableCommand] = {
    "table1": TableCommand(
        "Table 1", "reports.tables.table1", "tox -e reproduce-table1", "reports.figures.forest", "forest"
    ),
    "table2": TableCommand("Table 2", "reports.tables.table2", "tox -e reproduce-table2"),
    "blind": TableCommand("what the image adds", "reports.tables.blind", "tox -e reproduce-table1"),
    "controls": TableCommand(
        "the control experiments", "reports.controls.controls", "python -m baselines run --views all"
    ),
    "calibration": TableCommand(
        "known answers, and what the paper's methods gain by dose",
        "reports.tables.calibration",
        "python scripts/reproduce.py --artefact calibration",
        "reports.figures.doses",
        "doses",
    ),
    "shortcuts": TableCommand(
        "what policies learnt, the image or the options",
        "reports.tables.shortcuts",
        "tox -e reproduce-shortcuts",
        "reports.figures.shortcuts",
        "shortcuts",
    ),
}
"""Name of the command and of its files -> the table."""
