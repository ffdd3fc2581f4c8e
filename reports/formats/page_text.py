"""A page as plain text for a terminal.

A page as GitHub-flavoured Markdown.

A page as one HTML file that needs nothing else: light and dark, readable on a phone and on paper.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from anatomy_r1.tables.html import environment
from anatomy_r1.tables.markdown import escape, line
from anatomy_r1.tables.text import plain
from reports.formats.page import Entry, Grid, Page, Section

WIDTH = 118
"""Columns of a line."""
_WIDEST = 44
"""Columns of a grid's cell."""


def render_text(page: Page) -> str:
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


def render_markdown(page: Page) -> str:
    """The whole page, ending in a newline."""
    warning = [f"> **{escape(page.warning)}**"] if page.warning else []
    parts = [f"# {escape(page.title)}", *warning, *map(escape, page.lead)]
    parts += [part for section in page.sections for part in _section_markdown(section)]
    return "\n\n".join([*parts, "\n".join(f"- {escape(note)}" for note in page.notes)]) + "\n"


def _section_markdown(section: Section) -> Iterator[str]:
    yield f"## {escape(section.title)}"
    yield from map(escape, section.lead)
    yield from map(_entry_markdown, section.entries)
    yield from map(_grid_markdown, section.grids)


def _entry_markdown(entry: Entry) -> str:
    facts = "\n".join(f"- *{escape(label)}*: {escape(text)}" for label, text in entry.facts)
    return f"### {escape(entry.title)} ({escape(entry.badge)})\n\n{facts}"


def _grid_markdown(grid: Grid) -> str:
    rows = [line(map(escape, row)) for row in (grid.head, *grid.rows)]
    table = "\n".join([rows[0], line([":--"] * len(grid.head)), *rows[1:]])
    return "\n\n".join(filter(None, [f"**{escape(grid.title)}**", table, escape(grid.note)]))


def render_html(page: Page) -> str:
    """The whole page. Every text is escaped: names come from stores and files that anyone may have written."""
    return environment(Path(__file__).parent).get_template("page.html.j2").render(page=page)
