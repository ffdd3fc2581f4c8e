"""A report as GitHub-flavoured Markdown: a table a column group. **best**, <u>second</u>."""

from __future__ import annotations

import re
from collections.abc import Iterable

from anatomy_r1.tables.table import Cell, Report, Table, groups
from anatomy_r1.tables.text import plain

_WRAP = {"": ("", ""), "best": ("**", "**"), "second": ("<u>", "</u>")}


def render(report: Report) -> str:
    """The whole report, ending in a newline."""
    notes = [f"- {escape(note)}" for note in report.notes]
    warning = [f"> **{escape(report.warning)}**"] if report.warning else []
    return "\n\n".join([f"# {escape(report.title)}", *warning, *map(_table, report.tables), "\n".join(notes)]) + "\n"


def _table(table: Table) -> str:
    parts = [f"### {escape(group)}\n\n{_panel(table, indices)}" for group, indices in groups(table)]
    return "\n\n".join([f"## {escape(table.title)}", *parts, *map(escape, table.notes)])


def _panel(table: Table, indices: list[int]) -> str:
    lines = [
        line([escape(table.corner), *(escape(table.columns[index].title) for index in indices)]),
        line([":--", *("--:" for _ in indices)]),
    ]
    for block in table.blocks:
        lines.append(line([f"*{escape(block.title)}*", *("" for _ in indices)]))
        lines += [line([escape(row.title), *(_cell(row.cells[index]) for index in indices)]) for row in block.rows]
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    before, after = _WRAP[cell.emphasis]
    return f"{before}{escape(cell.text)}{after} {escape(cell.aside)}".rstrip()


def line(cells: Iterable[str]) -> str:
    """A row of a Markdown table, of cells that are escaped."""
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no new cell, no link, no command to a terminal."""
    one_line = plain(" ".join(text.split()))
    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", one_line)
