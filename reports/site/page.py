"""Pages rendered from templates. All text is escaped: stores may come from anyone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from anatomy_r1.tables.html import environment
from anatomy_r1.tables.table import MISSING, Cell, Document, Table
from reports.site.provenance import ProvenanceFacts

HERE = Path(__file__).parent
_NUMBER = re.compile(r"[<>]?\s*([+\-\N{MINUS SIGN}]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)")


@dataclass(frozen=True)
class SitePage:
    """One page before it is HTML."""

    file: str
    title: str
    template: str
    content: dict[str, Any] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    """Below `static/` or `data/`, in order, in addition to those of every page."""
    facts: ProvenanceFacts = ()
    commands: tuple[str, ...] = ()
    section: str = ""
    """File of the navigation entry that it belongs to, if it has none of its own."""


def render(page: SitePage, navigation: tuple[SitePage, ...], warning: str) -> str:
    """The page as HTML; `navigation` are the pages that its menu links to."""
    here = page.section or page.file
    return (
        _environment()
        .get_template(page.template)
        .render(page=page, navigation=navigation, here=here, warning=warning, **page.content)
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = environment(HERE / "templates")
    made.globals |= {"wordy": wordy}
    made.filters |= {"sortable": sortable, "counted": counted}
    return made


def wordy(table: Table) -> set[int]:
    """Indices of the columns of words: no cell is a number (in a table of prose: not all are), and one is not empty."""
    rows = [row for block in table.blocks for row in block.rows]
    found = set()
    for index in range(len(table.columns)):
        numbers = [bool(sortable(row.cells[index])) for row in rows if row.cells[index].text != MISSING]
        if numbers and not (all(numbers) if table.prose else any(numbers)):
            found.add(index)
    return found


def sortable(cell: Cell | str) -> str:
    """Sort key of a cell: its number as JavaScript reads it, without marks; empty where it has none."""
    match = _NUMBER.match(cell.text if isinstance(cell, Cell) else cell)
    return match.group(1).replace(",", "").replace("\N{MINUS SIGN}", "-") if match else ""


def counted(title: str) -> bool:
    """Whether a row title is just a number."""
    return _NUMBER.fullmatch(title) is not None


def table_page(file: str, title: str, lead: str, reports: tuple[Document, ...]) -> SitePage:
    """A page of one or several reports; tables of several get names of their own."""
    content = {"lead": lead, "reports": reports, "many": len(reports) > 1}
    return SitePage(file, title, "tables.html.j2", content, ("sort.js",))
