"""A report as one HTML file that needs nothing else: light and dark, readable on a phone and on paper."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from anatomy_r1.tables.table import MISSING, Report, groups


def render(report: Report) -> str:
    """The whole page. Every text is escaped: names come from stores that anyone may have written."""
    # Automatic escaping is on for every template, whatever its name ends in.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    spans = {table.name: [(group, len(indices)) for group, indices in groups(table)] for table in report.tables}
    firsts = {table.name: {indices[0] for _, indices in groups(table)} for table in report.tables}
    return environment.get_template("report.html.j2").render(report=report, spans=spans, firsts=firsts, missing=MISSING)
