"""A report as plain text for a terminal, at most about 150 columns wide.

Column groups (benchmarks) stand below each other: side by side they would not fit. The first table comes last, where a
terminal still shows it.
"""

from __future__ import annotations

import textwrap

from anatomy_r1.tables.table import Block, Cell, Report, Table, groups

WIDTH = 132
"""Column at which notes wrap."""
_LEGEND = "Here, where nothing is bold or underlined: *best*, _second_."
_MARKS = {"": " ", "best": "*", "second": "_"}


def render(report: Report) -> str:
    """The whole report, ending in a newline."""
    parts = [_table(table) for table in reversed(report.tables)]
    notes = (*report.notes, _LEGEND if _marked(report) else "", report.warning)
    return "\n\n".join([*parts, "\n".join(_wrap(note) for note in notes if note)]) + "\n"


def _marked(report: Report) -> bool:
    cells = (cell for table in report.tables for block in table.blocks for row in block.rows for cell in row.cells)
    return any(cell.emphasis for cell in cells)


def _table(table: Table) -> str:
    parts = [_panel(table, group, indices) for group, indices in groups(table)]
    return "\n\n".join([plain(table.title), *parts, *map(_wrap, table.notes)])


def _panel(table: Table, group: str, indices: list[int]) -> str:
    head = [table.corner, *(f" {plain(table.columns[index].title)}" for index in indices)]
    body: list[list[str] | str] = []
    for block in table.blocks:
        body += [block.title, *_rows(block, indices)]
    widths = [
        max(len(row[i]) for row in [head, *(r for r in body if not isinstance(r, str))]) for i in range(len(head))
    ]
    line = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [_line(row, widths) if not isinstance(row, str) else plain(row) for row in body]
    return "\n".join([plain(group), line, _line(head, widths), line, *lines, line])


def _rows(block: Block, indices: list[int]) -> list[list[str]]:
    return [[f"  {plain(row.title)}", *(_cell(row.cells[index]) for index in indices)] for row in block.rows]


def _cell(cell: Cell) -> str:
    mark = _MARKS[cell.emphasis]
    return f"{mark}{plain(cell.text)}{mark} {plain(cell.aside)}".rstrip()


def _line(cells: list[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _wrap(note: str) -> str:
    return textwrap.fill(plain(note), WIDTH)


def plain(text: str) -> str:
    """Text that cannot move a terminal's cursor or colour it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def plain_lines(text: str) -> str:
    """As `plain`, line by line."""
    return "\n".join(map(plain, text.split("\n")))
