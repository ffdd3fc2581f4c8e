"""What others made and this site only shows: figures, and JSON files such as the audit's and the ledger's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, Table
from reports.site.page import Page
from reports.site.shards import slug

DRAWN = (".svg", ".png")
"""What a browser shows; where a figure has both, the first is shown."""
BESIDE = (".pdf", ".png", ".csv")
"""Offered for download beside a figure."""


@dataclass(frozen=True)
class Figure:
    """One figure."""

    title: str
    file: str
    """Below the site."""
    caption: str
    """From NAME.txt or NAME.md beside it; empty where there is none."""
    downloads: tuple[str, ...]


def figures(folder: Path | None, site: Path) -> tuple[Figure, ...]:
    """Figures of a folder, by name, copied into the site with what belongs to them."""
    if folder is None or not folder.is_dir():
        return ()
    drawn = {path.stem: path for suffix in reversed(DRAWN) for path in sorted(folder.glob(f"*{suffix}"))}
    return tuple(_figure(drawn[stem], site) for stem in sorted(drawn))


def _figure(path: Path, site: Path) -> Figure:
    (site / "figures").mkdir(exist_ok=True)
    beside = [path.with_suffix(suffix) for suffix in BESIDE if path.with_suffix(suffix).is_file()]
    for source in dict.fromkeys([path, *beside]):
        shutil.copyfile(source, site / "figures" / source.name)
    told = next((p for p in (path.with_suffix(".txt"), path.with_suffix(".md")) if p.is_file()), None)
    caption = told.read_text(encoding="utf-8").strip() if told else ""
    downloads = tuple(f"figures/{source.name}" for source in beside if source != path)
    return Figure(words(path.stem), f"figures/{path.name}", caption, downloads)


def documents(folder: Path | None) -> tuple[Page, ...]:
    """A page for each JSON file of a folder, by name.

    Raises:
        AnatomyR1Error: when one cannot be read.
    """
    paths = sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else []
    return tuple(_document(path) for path in paths)


def _document(path: Path) -> Page:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AnatomyR1Error(f"{path}: no JSON ({error}). Cure: make it again, or move it away") from error
    title = str(content.get("title") or words(path.stem)) if isinstance(content, dict) else words(path.stem)
    sections = _sections(content if isinstance(content, dict) else {"": content})
    return Page(f"{slug(path.stem)}.html", title, "document.html.j2", {"sections": sections}, ("sort.js",))


@dataclass(frozen=True)
class Section:
    """One entry of a document: a table where its values are records, else lines of text."""

    title: str
    table: Table | None
    lines: tuple[tuple[str, str], ...]


def _sections(content: Mapping[str, Any]) -> list[Section]:
    plain = tuple((words(k), text(v)) for k, v in content.items() if k != "title" and not isinstance(v, list | dict))
    head = [Section("", None, plain)] if plain else []
    return head + [_section(str(k), v) for k, v in content.items() if isinstance(v, list | dict) and v]


def _section(name: str, value: Any) -> Section:
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return Section(words(name), _table(name, value), ())
    if isinstance(value, dict) and all(isinstance(one, dict) for one in value.values()):
        return Section(words(name), _table(name, [{"name": key, **one} for key, one in value.items()]), ())
    items = value.items() if isinstance(value, dict) else (("", one) for one in value)
    return Section(words(name), None, tuple((words(str(key)), text(one)) for key, one in items))


def _table(name: str, records: Sequence[Mapping[str, Any]]) -> Table:
    titles = list(dict.fromkeys(str(key) for record in records for key in record))
    rows = tuple(
        Row(text(record.get(titles[0])), tuple(Cell(text(record.get(title))) for title in titles[1:]))
        for record in records
    )
    columns = tuple(Column(words(title)) for title in titles[1:])
    return Table(slug(name or "table"), words(name), words(titles[0]), columns, (Block("", rows),))


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
    plain = name.replace("_", " ").replace("-", " ").strip()
    return plain[:1].upper() + plain[1:]
