"""Pages of what other commands made: figures, cards, the audit, the ledger, and any other JSON file.

FOLDER/NAME.svg or .png, or in FOLDER/figures/   a figure, with NAME.pdf and NAME.csv to download, NAME.txt below it
FOLDER/cards/NAME.md                             a model or data card
FOLDER/NAME.json, or one folder below            a page: audit.json and ledger.json as their own commands show them
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import MISSING, Document, Entry, Section, Table, prose_table
from reports.site.page import ABOUT, CLAIMS, TRAINING, SitePage, slug
from reports.site.sizes import Size, lines_only, picture_size

NamedDocument = tuple[str, str, Document]
"""Name of its page, what must be read before it (may be empty), and the document."""
SECTION_OF = {"ledger": CLAIMS, "audit": CLAIMS, "figure_statements": TRAINING}
"""Name of a JSON file -> its section; any other is in that of the claims."""
FIRST = ("ledger", "audit")
"""Pages that come first in their section."""
Reader = Callable[[Path], Document]
"""Reads a JSON file that has a document of its own; raises AnatomyR1Error for any other file."""
DRAWN = (".svg", ".png")
"""What a browser shows; where a figure has both, the first is shown."""
WIDE = 480
"""Pixels above which a figure that is wider than high is not made smaller on a phone."""
BESIDE = (".pdf", ".png", ".csv")
"""Offered for download with a figure."""


@dataclass(frozen=True)
class Figure:
    """One figure."""

    title: str
    file: str
    """Below the site."""
    caption: str
    """From NAME.txt or NAME.md next to it; empty where there is none."""
    downloads: tuple[str, ...]
    size: Size | None = None
    lines: bool = False
    """Whether it is lines and letters alone, which may be light on dark."""

    @property
    def wide(self) -> bool:
        """Whether a phone would make its letters too small, so that it scrolls in its own box there."""
        return self.size is not None and self.size[0] > WIDE and self.size[0] > self.size[1]


def figures(folders: Sequence[Path], site: Path) -> tuple[Figure, ...]:
    """Copy the figures of the first folder that has any into the site, with their downloads; sorted by name."""
    for folder in folders:
        places = [
            path
            for suffix in reversed(DRAWN)
            for where in (folder, folder / "figures")
            for path in sorted(where.glob(f"*{suffix}"))
        ]
        drawn = {path.stem: path for path in places}
        if drawn:
            return tuple(_figure(drawn[stem], site) for stem in sorted(drawn))
    return ()


def _figure(path: Path, site: Path) -> Figure:
    (site / "figures").mkdir(exist_ok=True)
    beside = [path.with_suffix(suffix) for suffix in BESIDE if path.with_suffix(suffix).is_file()]
    for source in dict.fromkeys([path, *beside]):
        shutil.copyfile(source, site / "figures" / source.name)
    text_file = next((p for p in (path.with_suffix(".txt"), path.with_suffix(".md")) if p.is_file()), None)
    caption = text_file.read_text(encoding="utf-8").strip() if text_file else ""
    downloads = tuple(f"figures/{source.name}" for source in beside if source != path)
    return figure_of(words(path.stem), site, f"figures/{path.name}", caption, downloads)


def figure_of(title: str, site: Path, file: str, caption: str = "", downloads: tuple[str, ...] = ()) -> Figure:
    """A figure that is in the site already, as it is shown."""
    return Figure(title, file, caption, downloads, picture_size(site / file), lines_only(site / file))


def pages(
    folders: Sequence[Path], readers: Sequence[Reader] = (), documents: Sequence[NamedDocument] = ()
) -> Iterator[SitePage]:
    """One page for each document and JSON file, and one for all cards; of a name the first counts, documents before
    files.
    """
    found = [path for folder in folders for pattern in ("*.json", "*/*.json") for path in sorted(folder.glob(pattern))]
    named: dict[str, Path] = {}
    for path in found:
        named.setdefault(path.stem, path)
    given = {name: _document_page(name, document.title, document, caveat) for name, caveat, document in documents}
    for name in sorted({*named, *given}, key=lambda name: (name not in FIRST, name != FIRST[0], name)):
        yield given[name] if name in given else json_page(named[name], readers)
    cards = next((sorted(folder.glob("cards/*.md")) for folder in folders if list(folder.glob("cards/*.md"))), [])
    if cards:
        shown = [(words(path.stem), path.read_text(encoding="utf-8")) for path in cards]
        yield SitePage("cards.html", "Cards", "cards.html.j2", {"cards": shown}, section=ABOUT)


def _document_page(name: str, title: str, document: Document, caveat: str = "") -> SitePage:
    section, content = SECTION_OF.get(name, CLAIMS), {"document": document}
    page = SitePage(f"{slug(name)}.html", title, "document.html.j2", content, ("tables.js", "sort.js"))
    return replace(page, section=section, caveat=caveat, short=words(name))


def json_page(path: Path, readers: Sequence[Reader] = ()) -> SitePage:
    """The page of one JSON file, by the first reader that knows it, else by its structure."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AnatomyR1Error(f"{path}: no JSON ({error}). Fix: make it again, or move it away") from error
    title = str(content.get("title") or words(path.stem)) if isinstance(content, dict) else words(path.stem)
    document = _read(path, readers) or Document(title, "", sections=_numbered(_sections("", content)))
    return _document_page(path.stem, title, document)


def _read(path: Path, readers: Sequence[Reader]) -> Document | None:
    for read in readers:
        try:
            return read(path)
        except AnatomyR1Error:
            continue
    return None


_TITLES = ("title", "name", "id")
"""Keys that name a record, the first that is there."""
_LONG = 160
"""Characters from which a text is to be read, not looked up in a column (our choice)."""


def _numbered(sections: Iterator[Section]) -> tuple[Section, ...]:
    """With a name for links. It must differ from every id of the page around them."""
    return tuple(replace(section, name=f"section-{number}") for number, section in enumerate(sections, 1))


def _sections(name: str, value: Any) -> Iterator[Section]:
    """A JSON value as sections: single values as facts, flat records as a table, nested values as further sections."""
    if isinstance(value, dict):
        key = next((key for key in _TITLES if isinstance(value.get(key), str)), None)
        title = ": ".join(filter(None, (name, value[key] if key else "")))
        if table := _table(title, value):
            yield Section("", title, tables=(table,))
            return
        facts = tuple((words(k), text(one)) for k, one in value.items() if k != key and not _nested(one))
        if title or facts:
            yield Section("", title, entries=(Entry("", "", "", facts),) if facts else ())
        for k, one in value.items():
            if _nested(one):
                yield from _sections(": ".join(filter(None, (title, words(k)))), one)
    elif isinstance(value, list) and value and all(map(_flat, value)):
        titles = list(dict.fromkeys(key for record in value for key in record))
        rows = [[text(record.get(title)) for title in titles] for record in value]
        yield Section("", name, tables=(prose_table(name, list(map(words, titles)), rows),))
    elif isinstance(value, list):
        if lead := tuple(text(one) for one in value if not isinstance(one, dict)):
            yield Section("", name, lead)
        for record in (one for one in value if isinstance(one, dict)):
            yield from _sections(name, record)
    else:
        yield Section("", name, (text(value),))


def _nested(value: Any) -> bool:
    """Whether a value needs a section of its own."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))


def _flat(record: Any) -> bool:
    """Whether a record fits a row of a table: nothing nested, and no text that a column would tear apart."""
    if not isinstance(record, dict) or not record or _table("", record):
        return False
    return not any(_nested(one) or len(text(one)) > _LONG for one in record.values())


def _table(title: str, value: Mapping[str, Any]) -> Table | None:
    """A table that the file has as headings and rows; None where it is something else."""
    head, rows = value.get("columns", value.get("head")), value.get("rows")
    if not isinstance(head, list) or not head or not isinstance(rows, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(head) for row in rows):
        return None
    return prose_table(title, list(map(str, head)), [list(map(text, row)) for row in rows])


def text(value: Any) -> str:
    """A JSON value as a person reads it."""
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
