"""A document as GitHub-flavoured Markdown, with one table for each column group. **best**, <u>second</u>."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from anatomy_r1.tables.table import Cell, Document, Entry, Section, Table, groups, prose_rows
from anatomy_r1.tables.text import plain

_WRAP = {"": ("", ""), "best": ("**", "**"), "second": ("<u>", "</u>")}


def render(document: Document) -> str:
    """The whole document, ending in a newline."""
    warning = [f"> **{escape(document.warning)}**"] if document.warning else []
    parts = [f"# {escape(document.title)}", *warning, *map(escape, document.lead), *map(_table, document.tables)]
    parts += [part for section in document.sections for part in _section(section)]
    return "\n\n".join([*parts, "\n".join(f"- {escape(note)}" for note in document.notes)]) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {escape(section.title)}"
    yield from map(escape, section.lead)
    yield from map(_entry, section.entries)
    yield from map(_table, section.tables)


def _entry(entry: Entry) -> str:
    facts = "\n".join(f"- *{escape(label)}*: {escape(text)}" for label, text in entry.facts)
    return f"### {escape(entry.title)} ({escape(entry.badge)})\n\n{facts}"


def _table(table: Table) -> str:
    if table.prose:
        return _prose_table(table)
    parts = [
        f"### {escape(group)}\n\n{_panel(table, indices)}" if group else _panel(table, indices)
        for group, indices in groups(table)
    ]
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


def _prose_table(table: Table) -> str:
    head, rows = prose_rows(table)
    lines = [line(map(escape, head)), line([":--"] * len(head)), *(line(map(escape, row)) for row in rows)]
    return "\n\n".join([f"**{escape(table.title)}**", "\n".join(lines), *map(escape, table.notes)])


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
