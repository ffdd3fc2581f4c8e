"""What others made and this site shows: figures, cards, and JSON files such as the audit's, by what lies in a folder.

FOLDER/NAME.svg or .png, or in FOLDER/figures/   a figure, with NAME.pdf and NAME.csv to download, NAME.txt below it
FOLDER/cards/NAME.md                             a model or data card
FOLDER/NAME.json, or one folder below            a page of its own (reports/site/document.py)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.site.document import document, words
from reports.site.page import Page

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
