"""Thin writers: a result store in, files out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import write_output
from anatomy_r1.results.store import Result, load_results
from anatomy_r1.tables import html, markdown, text
from anatomy_r1.tables.document import Document
from reports.controls.controls import controls, findings
from reports.formats import csv_files as tidy
from reports.formats import latex
from reports.scores import paper
from reports.scores.cost import costs
from reports.scores.differences import differences
from reports.scores.names import BASELINE
from reports.scores.scores import Score, scores
from reports.tables.cost_table import cost_report
from reports.tables.table1 import table1
from reports.tables.table2 import WHOLE, of_table2, paper_beside, table2


def table1_files(store: Path) -> dict[str, str]:
    """File name -> content of Table 1 in every format; the CSV holds the paired differences to GRPO too.

    Raises:
        AnatomyR1Error: when the store does not exist, is empty, or holds what does not belong in one table.
    """
    results, numbers = _results(store, "reproduce-table1"), paper.load()
    report, shown = table1(results, numbers), [*scores(results), *differences(results, BASELINE)]
    return _files("table1", report, results, shown, lambda score: numbers.of_score(score, 1))


def table2_files(store: Path) -> dict[str, str]:
    """File name -> content of Table 2 in every format; the CSV holds the paired differences too.

    Raises:
        AnatomyR1Error: as `table1_files`, or when no method of Table 2 ran.
    """
    results, numbers = _results(store, "reproduce-table2"), paper.load()
    report, kept = table2(results, numbers), of_table2(results)
    shown = [*scores(kept), *differences(kept, WHOLE)]
    return _files("table2", report, results, shown, lambda score: paper_beside(numbers, score))


def controls_files(store: Path) -> dict[str, str]:
    """File name -> content of what the controls say, in every format.

    Raises:
        AnatomyR1Error: as `table1_files`, or when no policy ran under another view.
    """
    results = _results(store, "reproduce-table1")
    found = findings(results)
    return _files("controls", controls(results, found), results, found.numbers(), lambda _: None)


def cost_files(store: Path) -> dict[str, str]:
    """File name -> content of what is known about costs; unlike the tables, it differs from run to run.

    Raises:
        AnatomyR1Error: as `table1_files`.
    """
    results = _results(store, "reproduce-table1")
    return {
        "cost.txt": text.render(cost_report(results)),
        "cost.csv": tidy.render_costs(results[0].profile, costs(results).values()),
    }


def _results(store: Path, fix: str) -> list[Result]:
    if not store.is_dir():
        raise AnatomyR1Error(f"no such folder. Run `tox -e {fix}` first, or name the store of another profile")
    return load_results(store)


def _files(
    name: str,
    report: Document,
    results: Sequence[Result],
    shown: Sequence[Score],
    theirs: Callable[[Score], float | None],
) -> dict[str, str]:
    return {
        f"{name}.txt": text.render(report),
        f"{name}.md": markdown.render(report),
        f"{name}.tex": latex.render(report),
        f"{name}.html": html.render(report),
        f"{name}.csv": tidy.render(results[0].profile, shown, costs(results), theirs),
    }


def write_all(out: Path, files: Mapping[str, str] | Mapping[str, bytes]) -> None:
    """Write each file below `out`: a reader never sees half a file.

    Raises:
        AnatomyR1Error: when one cannot be written.
    """
    for name, content in files.items():
        write_output(out / name, content)
