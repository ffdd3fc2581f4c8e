"""A report as one HTML file that needs nothing else: light and dark, readable on a phone and on paper."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from anatomy_r1.tables.table import MISSING, Report, Table, groups


def render(report: Report) -> str:
    """The whole page. Every text is escaped: names come from stores that anyone may have written."""
    template = environment(Path(__file__).parent).get_template("report.html.j2")
    return template.render(report=report, missing=MISSING)


def environment(folder: Path) -> Environment:
    """Templates of a folder, which may ask for the column groups of a table.

    Automatic escaping is on for every template, whatever its name ends in.
    """
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {"spans": spans, "starts": starts}
    return made


def spans(table: Table) -> list[tuple[str, int]]:
    """Headings above the columns, and over how many each stands."""
    return [(name, len(indices)) for name, indices in groups(table)]


def starts(table: Table) -> set[int]:
    """Columns that begin a group."""
    return {indices[0] for _, indices in groups(table)}
