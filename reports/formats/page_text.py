"""A page as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from anatomy_r1.tables.text import plain
from reports.formats.page import Entry, Grid, Page, Section

WIDTH = 118
"""Columns of a line."""
_WIDEST = 44
"""Columns of a grid's cell."""


def render(page: Page) -> str:
    """The whole page, ending in a newline."""
    parts = [page.title, "=" * len(page.title), *map(_wrap, (page.warning, *page.lead))]
    parts += [line for section in page.sections for line in _section(section)]
    parts += [_wrap(note) for note in page.notes]
    return "\n\n".join(part for part in parts if part).replace("\n\n=", "\n=", 1) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"{plain(section.title)}\n{'-' * len(section.title)}"
    yield from map(_wrap, section.lead)
    yield from map(_entry, section.entries)
    yield from map(_grid, section.grids)


def _entry(entry: Entry) -> str:
    head = textwrap.fill(plain(f"[{entry.badge}] {entry.title}"), WIDTH, subsequent_indent="  ")
    return "\n".join([head, *(_fact(label, text) for label, text in entry.facts)])


def _fact(label: str, text: str) -> str:
    return textwrap.fill(plain(f"{label}: {text}"), WIDTH, initial_indent="  ", subsequent_indent="    ")


def _grid(grid: Grid) -> str:
    cells = [[_lines(cell) for cell in row] for row in (grid.head, *grid.rows)]
    widths = [max(len(line) for row in cells for line in row[i]) for i in range(len(grid.head))]
    rows = ["\n".join(_row(row, widths)) for row in cells]
    line = "  ".join("-" * width for width in widths)
    return "\n".join(filter(None, [plain(grid.title), line, rows[0], line, *rows[1:], line, _wrap(grid.note)]))


def _lines(cell: str) -> list[str]:
    return textwrap.wrap(plain(cell), _WIDEST) or [""]


def _row(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for index in range(max(map(len, cells))):
        parts = (cell[index] if index < len(cell) else "" for cell in cells)
        yield "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()


def _wrap(text: str) -> str:
    return textwrap.fill(plain(text), WIDTH)
