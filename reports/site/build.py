"""Build the site: pages, data, static files. The same store and run give the same bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result, load_results
from anatomy_r1.tables.document import Document
from reports.controls.controls import controls
from reports.scores import paper
from reports.scores.cost import costs
from reports.scores.notes import made_from, warning
from reports.scores.scores import by_key, scores
from reports.site import artefacts, data
from reports.site.artefacts import Reader
from reports.site.method_page import method_page
from reports.site.page import HERE, SitePage, render, table_page
from reports.site.pictures import LICENCE
from reports.site.provenance import again, facts
from reports.site.run import open_run
from reports.tables.further import comparisons, cost_report, untrained_report
from reports.tables.table1 import table1
from reports.tables.table2 import of_table2, table2

_TABLE1 = "All methods on both benchmarks, ours beside the paper's."
_TABLE2 = "GDQA without its text, and without its images."
_COSTS = "What each method cost, and what that bought."
_CONTROLS = "What is reached without a picture, or without training."
_COMPARISONS = "Each method against GRPO, on the same questions."
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
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        written = _fill(temporary, sources)
        temporary.chmod(0o755)  # mkdtemp makes it private
        _swap(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written


def _fill(site: Path, sources: SiteSources) -> data.Written:
    results = load_results(sources.store)
    if not results:
        raise AnatomyR1Error(f"{sources.store}: no results in it. Run `tox -e reproduce-table1` first")
    written = data.write(site, results, open_run(sources.run), with_images=sources.with_images)
    drawn = artefacts.figures(sources.artefacts, site)
    pages = (*_pages(results, written, drawn), *artefacts.pages(sources.artefacts, sources.readers))
    pages = tuple(_with_provenance(page, results) for page in pages)
    _check_names(pages)
    navigation = tuple(page for page in pages if not page.section)
    licence = LICENCE if LICENCE in written.notices else ""
    for page in pages:
        text = render(page, navigation, " ".join(filter(None, (warning(results), licence))))
        (site / page.file).write_bytes(text.encode("utf-8", "replace"))
    shutil.copytree(HERE / "static", site / "static")
    (site / MARK).write_text("Made by `python -m reports site`, which may replace this folder.\n", encoding="utf-8")
    return written


def _check_names(pages: Sequence[SitePage]) -> None:
    names = [page.file for page in pages]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AnatomyR1Error(f"{', '.join(twice)}: two pages of that name. Fix: name the JSON file differently")


def _pages(results: Sequence[Result], written: data.Written, drawn: Sequence[artefacts.Figure]) -> list[SitePage]:
    tables, absent = _tables(results)
    methods = _methods(results)
    viewer = {"written": written, "notices": written.notices}
    scripts = ("shards.js", "dom.js", "data/index.js")
    content = {"tables": tables, "absent": absent, "written": written, "made_from": made_from(results, scores(results))}
    return [
        SitePage("index.html", "Overview", "index.html.j2", {**content, "figures": drawn}),
        *tables,
        SitePage("methods.html", "Methods", "methods.html.j2", {"methods": methods}),
        *methods,
        SitePage(
            "samples.html",
            "Samples",
            "samples.html.j2",
            viewer,
            (*scripts, "virtual.js", "filters.js", "sample.js", "samples.js"),
        ),
        SitePage("rollouts.html", "Rollouts", "rollouts.html.j2", viewer, (*scripts, "chart.js", "rollouts.js")),
        *([SitePage("figures.html", "Figures", "figures.html.j2", {"figures": drawn})] if drawn else []),
    ]


def _tables(results: Sequence[Result]) -> tuple[list[SitePage], list[tuple[str, str]]]:
    """Pages of tables, and (title, reason) for each that could not be made."""
    made: tuple[tuple[str, str, str, Callable[[], tuple[Document, ...]]], ...] = (
        ("table1.html", "Table 1", _TABLE1, lambda: (table1(results),)),
        ("table2.html", "Table 2", _TABLE2, lambda: (table2(results),)),
        ("costs.html", "Costs", _COSTS, lambda: (cost_report(results),)),
        ("controls.html", "Controls", _CONTROLS, lambda: _controls(results)),
        ("comparisons.html", "Comparisons", _COMPARISONS, lambda: comparisons(results)),
    )
    pages, absent = [], []
    for file, title, lead, make in made:
        try:
            pages.append(table_page(file, title, lead, make()))
        except AnatomyR1Error as error:
            absent.append((title, str(error)))
    if not any(page.file == "table1.html" for page in pages):
        raise AnatomyR1Error(dict(absent)["Table 1"])
    return pages, absent


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


def _methods(results: Sequence[Result]) -> list[SitePage]:
    numbers, spent = paper.load(), costs(results)
    found = by_key(scores(results))
    return [
        method_page(name, [result for result in results if result.method == name], found, spent, numbers)
        for name in data.titles(results)
    ]


def _with_provenance(page: SitePage, results: Sequence[Result]) -> SitePage:
    """Add the provenance of all results to a page that has none of its own."""
    if page.facts:
        return page
    kept = of_table2(results) if page.file == "table2.html" else results
    return replace(page, facts=facts(kept), commands=again(kept))


def _swap(new: Path, out: Path) -> None:
    old = new.with_name(new.name + ".old")
    if out.exists():
        out.rename(old)
    new.rename(out)
    shutil.rmtree(old, ignore_errors=True)
