"""A document as plain text for a terminal, at most about 150 columns wide.

Column groups (benchmarks) are printed below each other: side by side they would not fit. A document of tables prints
its first table last, where a terminal still shows it; a document with sections is printed in reading order.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from anatomy_r1.tables.table import Block, Cell, Document, Entry, Section, Table, groups, prose_rows

WIDTH = 132
"""Column at which the notes of tables wrap."""
PROSE_WIDTH = 118
"""Column at which paragraphs wrap."""
_WIDEST = 44
"""Widest column of a table of words."""
_LEGEND = "Here, where nothing is bold or underlined: *best*, _second_."
_MARKS = {"": " ", "best": "*", "second": "_"}


def render(document: Document) -> str:
    """The whole document, ending in a newline."""
    parts = _sections(document) if document.sections else _tables(document)
    return "\n\n".join(filter(None, parts)) + "\n"


def _sections(document: Document) -> Iterator[str]:
    yield _underlined(document.title, "=")
    yield from map(_wrap, (document.warning, *document.lead))
    for section in document.sections:
        yield from _section(section)
    yield from map(_wrap, document.notes)


def _section(section: Section) -> Iterator[str]:
    yield _underlined(section.title, "-")
    yield from map(_wrap, section.lead)
    yield from map(_entry, section.entries)
    yield from map(_table, section.tables)


def _underlined(title: str, mark: str) -> str:
    return f"{plain(title)}\n{mark * len(title)}"


def _entry(entry: Entry) -> str:
    head = textwrap.fill(plain(f"[{entry.badge}] {entry.title}"), PROSE_WIDTH, subsequent_indent="  ")
    return "\n".join([head, *(_fact(label, text) for label, text in entry.facts)])


def _fact(label: str, text: str) -> str:
    return textwrap.fill(plain(f"{label}: {text}"), PROSE_WIDTH, initial_indent="  ", subsequent_indent="    ")


def _tables(document: Document) -> Iterator[str]:
    yield from map(_table, reversed(document.tables))
    notes = (*document.notes, _LEGEND if _marked(document) else "", document.warning)
    yield "\n".join(_wrap(note, WIDTH) for note in notes if note)


def _marked(document: Document) -> bool:
    cells = (cell for table in document.tables for block in table.blocks for row in block.rows for cell in row.cells)
    return any(cell.emphasis for cell in cells)


def _table(table: Table) -> str:
    if table.prose:
        return _prose_table(table)
    parts = [_panel(table, group, indices) for group, indices in groups(table)]
    return "\n\n".join([plain(table.title), *parts, *(_wrap(note, WIDTH) for note in table.notes)])


def _panel(table: Table, group: str, indices: list[int]) -> str:
    head = [table.corner, *(f" {plain(table.columns[index].title)}" for index in indices)]
    body: list[list[str] | str] = []
    for block in table.blocks:
        body += [block.title, *_rows(block, indices)]
    widths = [
        max(len(row[i]) for row in [head, *(r for r in body if not isinstance(r, str))]) for i in range(len(head))
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [_line(row, widths) if not isinstance(row, str) else plain(row) for row in body]
    return "\n".join([plain(group), rule, _line(head, widths), rule, *lines, rule])


def _rows(block: Block, indices: list[int]) -> list[list[str]]:
    return [[f"  {plain(row.title)}", *(_cell(row.cells[index]) for index in indices)] for row in block.rows]


def _cell(cell: Cell) -> str:
    mark = _MARKS[cell.emphasis]
    return f"{mark}{plain(cell.text)}{mark} {plain(cell.aside)}".rstrip()


def _prose_table(table: Table) -> str:
    head, rows = prose_rows(table)
    wrapped = [[textwrap.wrap(plain(cell), _WIDEST) or [""] for cell in row] for row in (head, *rows)]
    widths = [max(len(line) for row in wrapped for line in row[i]) for i in range(len(head))]
    first, *rest = ("\n".join(_prose_row(row, widths)) for row in wrapped)
    rule = "  ".join("-" * width for width in widths)
    return "\n".join(filter(None, [plain(table.title), rule, first, rule, *rest, rule, *map(_wrap, table.notes)]))


def _prose_row(row: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row, whose cells may take several."""
    for index in range(max(map(len, row))):
        yield _line([cell[index] if index < len(cell) else "" for cell in row], widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _wrap(text: str, width: int = PROSE_WIDTH) -> str:
    return textwrap.fill(plain(text), width)


def plain(text: str) -> str:
    """Text that cannot move a terminal's cursor or colour it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def plain_lines(text: str) -> str:
    """As `plain`, line by line."""
    return "\n".join(map(plain, text.split("\n")))
