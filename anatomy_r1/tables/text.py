"""A document as plain text for a terminal, at most about 150 columns wide.

Column groups (benchmarks) are printed below each other: side by side they would not fit. A document of tables prints
its first table last, where a terminal still shows it, its lead just before that table, and its headlines at the very
end, if they are few; a document with sections is printed in reading order.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, zip_longest

from anatomy_r1.tables.table import Cell, Document, Entry, Row, Section, Table, groups, prose_rows

WIDTH = 132
"""Column at which the notes of tables wrap."""
PROSE_WIDTH = 118
"""Column at which paragraphs wrap."""
MOST_HEADLINES = 8
"""With more of them, the table says it better."""
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
    lines = [textwrap.fill(plain(f"[{entry.badge}] {entry.title}"), PROSE_WIDTH, subsequent_indent="  ")]
    for label, text in entry.facts:
        fact = plain(f"{label}: {text}")
        lines.append(textwrap.fill(fact, PROSE_WIDTH, initial_indent="  ", subsequent_indent="    "))
    return "\n".join(lines)


def _tables(document: Document) -> Iterator[str]:
    first, *others = document.tables or (None,)
    yield from map(_table, reversed(others))
    yield from map(_wrap, document.lead)
    if first is not None:
        yield _table(first)
    cells = (cell for table in document.tables for block in table.blocks for row in block.rows for cell in row.cells)
    notes = (*document.notes, _LEGEND if any(cell.emphasis for cell in cells) else "", document.warning)
    yield "\n".join(_wrap(note, WIDTH) for note in notes if note)
    if len(document.headlines) <= MOST_HEADLINES:
        for group, of in groupby(document.headlines, lambda one: one.group):
            yield "\n".join([plain(f"{group}:"), *(_wrap(f"{one.label} {one.sentence}", WIDTH) for one in of)])


def _table(table: Table) -> str:
    if table.prose:
        return _prose_table(table)
    parts = [_panel(table, group, indices) for group, indices in groups(table)]
    return "\n\n".join([plain(table.title), *parts, *(_wrap(note, WIDTH) for note in table.notes)])


def _panel(table: Table, group: str, indices: list[int]) -> str:
    head = [table.corner, *(f" {plain(table.columns[index].title)}" for index in indices)]
    rows = [[_row(row, indices) for row in block.rows] for block in table.blocks]
    widths = [max(map(len, column)) for column in zip(head, *chain.from_iterable(rows), strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [plain(group), rule, _line(head, widths), rule]
    for block, cells in zip(table.blocks, rows, strict=True):
        lines += [plain(block.title), *(_line(row, widths) for row in cells)]
    return "\n".join([*lines, rule])


def _row(row: Row, indices: list[int]) -> list[str]:
    return [f"  {plain(row.title)}", *(_cell(row.cells[index]) for index in indices)]


def _cell(cell: Cell) -> str:
    mark = _MARKS[cell.emphasis]
    return f"{mark}{plain(cell.text)}{mark} {plain(cell.aside)}".rstrip()


def _prose_table(table: Table) -> str:
    head, rows = prose_rows(table)
    wrapped = [[textwrap.wrap(plain(cell), _WIDEST) or [""] for cell in row] for row in (head, *rows)]
    widths = [max(len(line) for row in wrapped for line in row[i]) for i in range(len(head))]
    # A row takes several lines if one of its cells does
    first, *rest = ("\n".join(_line(line, widths) for line in zip_longest(*row, fillvalue="")) for row in wrapped)
    rule = "  ".join("-" * width for width in widths)
    return "\n".join(filter(None, [plain(table.title), rule, first, rule, *rest, rule, *map(_wrap, table.notes)]))


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
