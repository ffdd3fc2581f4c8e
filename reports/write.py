"""Files from a result store: each table of `reports.tables.TABLES` in every format, and the costs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import write_output
from anatomy_r1.results.store import Result, load_results
from anatomy_r1.tables import html, markdown, text
from reports.formats import costs_csv, latex, scores_csv
from reports.scores.cost import costs
from reports.tables import TABLES, TableExport
from reports.tables.further import cost_report


def table_files(name: str, store: Path) -> dict[str, str]:
    """File name -> content of the table `name` in every format.

    Raises:
        AnatomyR1Error: when the store does not exist or is empty, or the table cannot be made from it.
    """
    results = _results(store, TABLES[name].run_first)
    made: TableExport = import_module(TABLES[name].module).export(results)
    formats = {"txt": text.render, "md": markdown.render, "tex": latex, "html": html.render}
    return {
        **{f"{name}.{suffix}": render(made.report) for suffix, render in formats.items()},
        f"{name}.csv": scores_csv(results[0].profile, made.scores, costs(results), made.paper),
    }


def table_figure_files(name: str, store: Path) -> dict[str, bytes]:
    """File name -> content of the figure that belongs to the table `name`, if it has one; fails as `table_files`."""
    if not TABLES[name].figure:
        return {}
    results = _results(store, TABLES[name].run_first)
    made: dict[str, bytes] = import_module(TABLES[name].figure).figure_files(results)
    return made


def cost_files(store: Path) -> dict[str, str]:
    """File name -> content of the recorded costs; unlike `table_files`, they differ from run to run."""
    results = _results(store, "tox -e reproduce-table1")
    return {
        "cost.txt": text.render(cost_report(results)),
        "cost.csv": costs_csv(results[0].profile, costs(results).values()),
    }


def _results(store: Path, run_first: str) -> list[Result]:
    if not store.is_dir():
        raise AnatomyR1Error(f"no such folder. Run `{run_first}` first, or name the store of another profile")
    return load_results(store)


def write_all(out: Path, files: Mapping[str, str] | Mapping[str, bytes] | Mapping[str, str | bytes]) -> None:
    """Write the files below `out`, each atomically."""
    for name, content in files.items():
        write_output(out / name, content)
