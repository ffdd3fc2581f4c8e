"""Build the site: pages, data, static files. The same store and run give the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder
from anatomy_r1.results.store import Result, load_results
from anatomy_r1.tables.table import Document
from reports.controls.controls import controls
from reports.scores import paper
from reports.scores.cost import costs
from reports.scores.names import method_rank
from reports.scores.notes import made_from, warning
from reports.scores.scores import by_key, scores
from reports.site import artefacts, data
from reports.site.artefacts import Reader
from reports.site.method_page import method_page
from reports.site.page import HERE, SitePage, again, facts, render, table_page
from reports.site.run import LICENCE, open_run
from reports.tables.blind import blind_report
from reports.tables.further import comparisons, cost_report, untrained_report
from reports.tables.table1 import table1
from reports.tables.table2 import of_table2, table2

MARK = ".anatomy-r1-site"
"""File that marks a folder as a site, so that only a site is ever overwritten."""


@dataclass(frozen=True)
class SiteSources:
    """What a site is built from."""

    store: Path
    run: Path | None = None
    artefacts: tuple[Path, ...] = ()
    """Folders with figures, JSON files and cards (see `reports/site/artefacts.py`)."""
    readers: tuple[Reader, ...] = ()
    """For JSON files that have a document of their own, such as the audit and the ledger."""
    with_images: bool = False


def build(out: Path, sources: SiteSources) -> data.Written:
    """Write a site atomically, replacing an older one.

    Raises:
        AnatomyR1Error: when the store is empty or is inconsistent, or `out` is not a site.
    """
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise AnatomyR1Error(f"{out}: is not empty and no site. Fix: choose another folder for --out")
    if not sources.store.is_dir():
        raise AnatomyR1Error(f"{sources.store}: no such folder. Run `tox -e reproduce-table1` first, or name another")
    with atomic_folder(out) as site:
        return _fill(site, sources)


def _fill(site: Path, sources: SiteSources) -> data.Written:
    results = load_results(sources.store)
    if not results:
        raise AnatomyR1Error(f"{sources.store}: no results in it. Run `tox -e reproduce-table1` first")
    written = data.write(site, results, open_run(sources.run), with_images=sources.with_images)
    drawn = artefacts.figures(sources.artefacts, site)
    pages = [*_pages(results, written, drawn), *artefacts.pages(sources.artefacts, sources.readers)]
    names = [page.file for page in pages]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AnatomyR1Error(f"{', '.join(twice)}: two pages of that name. Fix: name the JSON file differently")
    navigation = tuple(page for page in pages if not page.section)
    licence = LICENCE if LICENCE in written.notices else ""
    for page in pages:
        # A page that has no provenance of its own shows that of all results.
        kept = of_table2(results) if page.file == "table2.html" else results
        whole = page if page.facts else replace(page, facts=facts(kept), commands=again(kept))
        text = render(whole, navigation, " ".join(filter(None, (warning(results), licence))))
        (site / page.file).write_bytes(text.encode("utf-8", "replace"))
    shutil.copytree(HERE / "static", site / "static")
    (site / MARK).write_text("Made by `python -m reports site`, which may replace this folder.\n", encoding="utf-8")
    return written


def _pages(results: Sequence[Result], written: data.Written, drawn: Sequence[artefacts.Figure]) -> list[SitePage]:
    tables, absent = _tables(results)
    every, numbers, spent = scores(results), paper.load(), costs(results)
    found = by_key(every)
    methods = [
        method_page(name, [result for result in results if result.method == name], found, spent, numbers)
        for name in sorted({result.method for result in results}, key=method_rank)
    ]
    viewer = {"written": written, "notices": written.notices}
    scripts = ("shards.js", "dom.js", "data/index.js")
    sampling = (*scripts, "virtual.js", "filters.js", "sample.js", "samples.js")
    content = {"tables": tables, "absent": absent, "written": written, "made_from": made_from(results, every)}
    return [
        SitePage("index.html", "Overview", "index.html.j2", {**content, "figures": drawn}),
        *tables,
        SitePage("methods.html", "Methods", "methods.html.j2", {"methods": methods}),
        *methods,
        SitePage("samples.html", "Samples", "samples.html.j2", viewer, sampling),
        SitePage("rollouts.html", "Rollouts", "rollouts.html.j2", viewer, (*scripts, "chart.js", "rollouts.js")),
        *([SitePage("figures.html", "Figures", "figures.html.j2", {"figures": drawn})] if drawn else []),
    ]


def _tables(results: Sequence[Result]) -> tuple[list[SitePage], list[tuple[str, str]]]:
    """Pages of tables, and (title, reason) for each that could not be made."""
    pages, absent = [], {}
    for title, (lead, make) in _TABLES.items():
        try:
            pages.append(table_page(f"{title.lower().replace(' ', '')}.html", title, lead, make(results)))
        except AnatomyR1Error as error:
            absent[title] = str(error)
    if "Table 1" in absent:
        raise AnatomyR1Error(absent["Table 1"])
    return pages, list(absent.items())


def _controls(results: Sequence[Result]) -> tuple[Document, ...]:
    """Untrained rows, and policies under other views, where they ran."""
    found, reasons = [], []
    for make in (untrained_report, controls):
        try:
            found.append(make(results))
        except AnatomyR1Error as error:
            reasons.append(str(error))
    if not found:
        raise AnatomyR1Error("; ".join(reasons))
    return tuple(found)


_TABLES: dict[str, tuple[str, Callable[[Sequence[Result]], tuple[Document, ...]]]] = {
    "Table 1": ("All methods on both benchmarks, ours beside the paper's.", lambda of: (table1(of),)),
    "Table 2": ("GDQA without its text, and without its images.", lambda of: (table2(of),)),
    "Blind": (
        "What the image adds: each score minus the best rule that sees no image.",
        lambda of: (blind_report(of),),
    ),
    "Costs": ("What each method cost, and what that bought.", lambda of: (cost_report(of),)),
    "Controls": ("What is reached without an image, or without training.", _controls),
    "Comparisons": ("Each method against GRPO, on the same questions.", comparisons),
}
"""Title of a page of tables -> its first sentence, and what makes its tables."""
