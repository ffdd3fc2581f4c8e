"""A JSON file as a page: records as tables to sort, and what is nested in sections of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, Table
from reports.site.ledger_page import is_ledger, ledger_sections
from reports.site.page import Page
from reports.site.sections import Section
from reports.site.shards import slug

_TITLES = ("title", "name", "id")
"""Keys by which a record is headed."""
_DEEPEST = 6
"""Heading levels of HTML."""
_LONG = 160
"""Characters of a text that is read, not looked up (our choice)."""


def document(path: Path) -> Page:
    """The page of one file.

    Raises:
        AnatomyR1Error: when it is no JSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AnatomyR1Error(f"{path}: no JSON ({error}). Cure: make it again, or move it away") from error
    title = str(content.get("title") or words(path.stem)) if isinstance(content, dict) else words(path.stem)
    sections = tuple(ledger_sections(content) if is_ledger(content) else _sections("", content, 2))
    return Page(f"{slug(path.stem)}.html", title, "document.html.j2", {"sections": sections}, ("sort.js",))


def _sections(name: str, value: Any, level: int) -> Iterator[Section]:
    deeper = min(level + bool(name), _DEEPEST)
    if isinstance(value, dict) and _is_grid(value):
        yield Section(level, _title(value, name), _grid(name, value), ())
    elif isinstance(value, dict):
        plain = {key: one for key, one in value.items() if key not in _headed(value) and not _nested(one)}
        yield Section(level, _title(value, name), None, tuple((words(k), text(v)) for k, v in plain.items()))
        for key, one in ((key, one) for key, one in value.items() if _nested(one) and one):
            yield from _sections(words(key), one, deeper)
    elif _is_flat(value) and not _is_prose(value):
        yield Section(level, name, _records(name, value), ())
    else:
        yield Section(level, name, None, tuple(("", text(one)) for one in value if not isinstance(one, dict)))
        for one in (one for one in value if isinstance(one, dict)):
            yield from _sections("", one, deeper)


def _nested(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))


def _is_flat(value: Sequence[Any]) -> bool:
    """Records that fit the cells of one table."""
    return all(isinstance(one, dict) and not _is_grid(one) and not any(map(_nested, one.values())) for one in value)


def _is_prose(value: Sequence[Mapping[str, Any]]) -> bool:
    """Records with sentences in them, which columns would tear apart."""
    return any(len(text(one)) > _LONG for record in value for one in record.values())


def _is_grid(value: Mapping[str, Any]) -> bool:
    """A table as headings and rows."""
    rows, columns = value.get("rows"), _columns(value)
    return isinstance(rows, list) and bool(columns) and all(_is_row(row, len(columns)) for row in rows)


def _is_row(row: Any, width: int) -> bool:
    return isinstance(row, list) and len(row) == width


def _columns(value: Mapping[str, Any]) -> list[str]:
    found = value.get("columns", value.get("head"))
    return [str(title) for title in found] if isinstance(found, list) else []


def _headed(value: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key for key in _TITLES if isinstance(value.get(key), str))[:1]


def _title(value: Mapping[str, Any], name: str) -> str:
    own = next((str(value[key]) for key in _headed(value)), "")
    return f"{name}: {own}" if name and own else own or name


def _grid(name: str, value: Mapping[str, Any]) -> Table:
    return _table(_title(value, name), _columns(value), value["rows"])


def _records(name: str, records: Sequence[Mapping[str, Any]]) -> Table:
    titles = list(dict.fromkeys(str(key) for record in records for key in record))
    return _table(name, [words(title) for title in titles], [[one.get(title) for title in titles] for one in records])


def _table(name: str, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    made = tuple(Row(text(row[0]), tuple(Cell(text(one)) for one in row[1:])) for row in rows)
    columns = tuple(Column(title) for title in titles[1:])
    return Table(slug(name or "table"), name, titles[0], columns, (Block("", made),))


def text(value: Any) -> str:
    """A value of JSON as a person reads it."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "; ".join(map(text, value)) or MISSING
    if isinstance(value, dict):
        return "; ".join(f"{words(str(key))}: {text(one)}" for key, one in value.items()) or MISSING
    return str(value)


def words(name: str) -> str:
    """A key or file name as a heading."""
    plain = re.sub(r"(?<=[a-z])(?=\d)", " ", name.replace("_", " ").replace("-", " ").strip())
    return plain[:1].upper() + plain[1:]
