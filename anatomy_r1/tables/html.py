"""A document as one self-contained HTML file: light and dark, readable on a phone and on paper."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from anatomy_r1.tables.picture import pictures
from anatomy_r1.tables.table import MISSING, Document, Table, groups


def render(document: Document) -> str:
    """The whole page. Every text is escaped: names come from stores and files that anyone may have written."""
    return environment().get_template("document.html.j2").render(document=document, missing=MISSING)


def environment(*folders: Path) -> Environment:
    """The templates of this package and of other folders, with `spans`, `starts` and `pictures` as functions.

    Automatic escaping is on for every template, whatever its suffix. Where two folders have a template of one name,
    that of the first folder is taken, and those of this package last.
    """
    made = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {"spans": _spans, "starts": _starts, "pictures": pictures}
    return made


def _spans(table: Table) -> list[tuple[str, int]]:
    """Column groups, and how many columns each spans."""
    return [(name, len(indices)) for name, indices in groups(table)]


def _starts(table: Table) -> set[int]:
    """Indices of the columns that begin a group."""
    return {indices[0] for _, indices in groups(table)}
