"""A page as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from anatomy_r1.tables.markdown import escape, line
from reports.formats.page import Entry, Grid, Page, Section


def render(page: Page) -> str:
    """The whole page, ending in a newline."""
    warning = [f"> **{escape(page.warning)}**"] if page.warning else []
    parts = [f"# {escape(page.title)}", *warning, *map(escape, page.lead)]
    parts += [part for section in page.sections for part in _section(section)]
    return "\n\n".join([*parts, "\n".join(f"- {escape(note)}" for note in page.notes)]) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {escape(section.title)}"
    yield from map(escape, section.lead)
    yield from map(_entry, section.entries)
    yield from map(_grid, section.grids)


def _entry(entry: Entry) -> str:
    facts = "\n".join(f"- *{escape(label)}*: {escape(text)}" for label, text in entry.facts)
    return f"### {escape(entry.title)} ({escape(entry.badge)})\n\n{facts}"


def _grid(grid: Grid) -> str:
    rows = [line(map(escape, row)) for row in (grid.head, *grid.rows)]
    table = "\n".join([rows[0], line([":--"] * len(grid.head)), *rows[1:]])
    return "\n\n".join(filter(None, [f"**{escape(grid.title)}**", table, escape(grid.note)]))
