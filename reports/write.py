"""Files from a result store: each table of `reports.tables.TABLES` in every format, and the costs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
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


def table_files(name: str, *stores: Path, bases: Sequence[str] = ()) -> dict[str, str]:
    """File name -> content of the table `name` of these stores, in every format; of all bases, or of these alone.

    Raises:
        AnatomyR1Error: when a store does not exist or is empty, two have the same result, a base is unknown, or
            the table cannot be made.
    """
    results = _results(stores, TABLES[name].run_first, bases)
    made: TableExport = import_module(TABLES[name].module).export(results)
    formats = {"txt": text.render, "md": markdown.render, "tex": latex, "html": html.render}
    return {
        **{f"{name}.{suffix}": render(made.report) for suffix, render in formats.items()},
        f"{name}.csv": scores_csv(results[0].profile, made.scores, costs(results), made.paper),
    }


def table_figure_files(name: str, *stores: Path, bases: Sequence[str] = ()) -> dict[str, bytes]:
    """File name -> content of the figure that belongs to the table `name`, if it has one; fails as `table_files`."""
    if not TABLES[name].figure:
        return {}
    results = _results(stores, TABLES[name].run_first, bases)
    made: dict[str, bytes] = import_module(TABLES[name].figure).figure_files(results)
    return made


def cost_files(*stores: Path, bases: Sequence[str] = ()) -> dict[str, str]:
    """File name -> content of the recorded costs; unlike `table_files`, they differ from run to run."""
    results = _results(stores, "tox -e reproduce-table1", bases)
    return {
        "cost.txt": text.render(cost_report(results)),
        "cost.csv": costs_csv(results[0].profile, costs(results).values()),
    }


def _results(stores: Sequence[Path], run_first: str, bases: Sequence[str]) -> list[Result]:
    found: dict[str, Result] = {}
    for store in stores:
        if not store.is_dir():
            told = "" if len(stores) == 1 else f"{store}: "
            raise AnatomyR1Error(f"{told}no such folder. Run `{run_first}` first, or name the store of another profile")
        mine = {one.key: one for one in load_results(store)}
        if twice := sorted(found.keys() & mine.keys()):
            raise AnatomyR1Error(f"{store} and a store before it both have {twice[0]}. Fix: name one of them")
        found |= mine
    results = [found[key] for key in sorted(found)] if len(stores) > 1 else [*found.values()]
    there = {one.base for one in results if one.base}
    if unknown := [base for base in bases if base not in there]:
        known = f"there are {', '.join(sorted(there))}" if there else "none has a name"
        raise AnatomyR1Error(f"no result from base {unknown[0]}; {known}. Fix: another --bases")
    return [one for one in results if not bases or not one.base or one.base in bases]


def remove_stale(out: Path, names: Iterable[str], made: Container[str]) -> list[str]:
    """Remove those files `names` below `out` that were not made this time, and so are of other results.

    Returns:
        The names of the removed files.
    """
    stale = sorted(name for name in names if name not in made and (out / name).is_file())
    for name in stale:
        (out / name).unlink()
    return stale


def write_all(out: Path, files: Mapping[str, str] | Mapping[str, bytes] | Mapping[str, str | bytes]) -> None:
    """Write the files below `out`, each atomically."""
    for name, content in files.items():
        write_output(out / name, content)
