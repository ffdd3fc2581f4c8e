"""A JSON file as a page: records as tables to sort, and what is nested in sections of its own.

What a page of an artefact is made of.

The ledger as a page: every claim with both verdicts in one table to sort, then why, claim by claim.

What others made and this site shows: figures, cards, and JSON files such as the audit's, by what lies in a folder.

FOLDER/NAME.svg or .png, or in FOLDER/figures/   a figure, with NAME.pdf and NAME.csv to download, NAME.txt below it
FOLDER/cards/NAME.md                             a model or data card
FOLDER/NAME.json, or one folder below            a page of its own (reports/site/document.py)
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, Table
from reports.site.page import Page
from reports.site.shards import slug


@dataclass(frozen=True)
class Section:
    """One heading with a table or with lines of text below it."""

    level: int
    title: str
    table: Table | None
    lines: tuple[tuple[str, str], ...]


_COLUMNS = (("locator", "Where"), ("paper_verdict", "At the paper's scale"), ("mini_verdict", "In the mini world"))


def is_ledger(content: Any) -> bool:
    """Whether a JSON file is the ledger of `python -m reports ledger`."""
    claims = content.get("claims") if isinstance(content, dict) else None
    wanted = {"claim", *(key for key, _ in _COLUMNS)}
    return (
        isinstance(claims, list)
        and bool(claims)
        and all(isinstance(one, dict) and wanted <= set(one) for one in claims)
    )


def ledger_sections(content: Mapping[str, Any]) -> Iterator[Section]:
    """Sections of `ledger.json`; what was said of the comparisons comes last, being long."""
    claims = content["claims"]
    rows = tuple(
        Row(str(one["claim"]), tuple(Cell(str(one.get(key) or MISSING)) for key, _ in _COLUMNS)) for one in claims
    )
    columns = tuple(Column(title) for _, title in _COLUMNS)
    yield Section(2, "Every claim", Table("claims", "Claims and verdicts", "Claim", columns, (Block("", rows),)), ())
    yield Section(2, "Why", None, ())
    for one in claims:
        said = (("Where", one["locator"]), ("At the paper's scale", f"{one['paper_verdict']}. {one['paper_why']}"))
        mini = (("In the mini world", f"{one['mini_verdict']}. {one['mini_why']}"),) if one.get("mini_verdict") else ()
        yield Section(3, str(one["claim"]), None, (*said, *mini))
    told = tuple(("", str(one)) for one in content.get("told", ()))
    yield Section(2, f"What the {content.get('family', '')} comparisons allowed for", None, told)


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
        raise AnatomyR1Error(f"{path}: no JSON ({error}). Fix: make it again, or move it away") from error
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


def figures(folders: Sequence[Path], site: Path) -> tuple[Figure, ...]:
    """Figures of the first folder that has any, by name, copied into the site with what belongs to them."""
    for folder in (place for one in folders for place in (one, one / "figures")):
        drawn = {path.stem: path for suffix in reversed(DRAWN) for path in sorted(folder.glob(f"*{suffix}"))}
        if drawn:
            return tuple(_figure(drawn[stem], site) for stem in sorted(drawn))
    return ()


def _figure(path: Path, site: Path) -> Figure:
    (site / "figures").mkdir(exist_ok=True)
    beside = [path.with_suffix(suffix) for suffix in BESIDE if path.with_suffix(suffix).is_file()]
    for source in dict.fromkeys([path, *beside]):
        shutil.copyfile(source, site / "figures" / source.name)
    told = next((p for p in (path.with_suffix(".txt"), path.with_suffix(".md")) if p.is_file()), None)
    caption = told.read_text(encoding="utf-8").strip() if told else ""
    downloads = tuple(f"figures/{source.name}" for source in beside if source != path)
    return Figure(words(path.stem), f"figures/{path.name}", caption, downloads)


def pages(folders: Sequence[Path]) -> Iterator[Page]:
    """A page for each JSON file, and one of all cards; where two folders have one of a name, the first counts.

    Raises:
        AnatomyR1Error: when one cannot be read.
    """
    found = [path for folder in folders for pattern in ("*.json", "*/*.json") for path in sorted(folder.glob(pattern))]
    named: dict[str, Path] = {}
    for path in found:
        named.setdefault(path.stem, path)
    yield from (document(named[stem]) for stem in sorted(named))
    cards = next((sorted(folder.glob("cards/*.md")) for folder in folders if list(folder.glob("cards/*.md"))), [])
    if cards:
        shown = [(words(path.stem), path.read_text(encoding="utf-8")) for path in cards]
        yield Page("cards.html", "Cards", "cards.html.j2", {"cards": shown})
