"""Build the site: pages, data, static files. The same store and run give the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anatomy_r1.comparison.compare import Analysis
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder
from anatomy_r1.results.store import Result, load_results, store_in
from anatomy_r1.tables.table import Document
from reports.controls.controls import controls
from reports.scores import paper
from reports.scores.cost import costs
from reports.scores.names import benchmark_title, method_rank
from reports.scores.notes import made_from, warning
from reports.scores.scores import by_key, scores
from reports.site import artefacts, data
from reports.site.artefacts import NamedDocument, Reader
from reports.site.evidence import ROLLOUTS_FILE, SAMPLES_FILE, Evidence
from reports.site.findings import findings
from reports.site.front import example, group_example
from reports.site.lacking import lacking
from reports.site.method_page import method_page
from reports.site.overview import figures
from reports.site.page import (
    ABOUT,
    COMPARE,
    HERE,
    RESULTS,
    SAMPLES,
    TRAINING,
    SitePage,
    again,
    facts,
    render,
    table_page,
)
from reports.site.run import LICENCE, Pictures, RunFolder, open_run
from reports.site.sizes import picture_size
from reports.tables.blind import blind_report
from reports.tables.further import analyses, comparisons, cost_report, untrained_report
from reports.tables.table1 import table1
from reports.tables.table2 import of_table2, table2

MARK = ".anatomy-r1-site"
"""File that marks a folder as a site, so that only a site is ever overwritten."""
DEMO = "Demo"
"""How the note of a demo's results begins (`scripts/demo.py` writes it)."""
OTHER_RUN = "The results of this site are of another run: "


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
    demo: Path | None = None
    """Without a run: the folder of another whose samples and rollouts are shown, marked as a demo."""
    documents: tuple[NamedDocument, ...] = ()
    """Pages that take the place of JSON files of the same name."""
    absent: tuple[tuple[str, str], ...] = ()
    """Title and reason of what could not be made before."""


@dataclass(frozen=True)
class _Viewed:
    """What the samples and rollouts of a site are of: the run of its results, or a demo."""

    results: Sequence[Result]
    run: RunFolder | None
    caveat: str
    """Says that it is not the run of the results; empty where it is."""


def build(out: Path, sources: SiteSources) -> data.Written:
    """Write a site atomically, replacing an older one.

    Raises:
        AnatomyR1Error: when the store is empty or is inconsistent, or `out` is not a site.
    """
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise AnatomyR1Error(f"{out}: is not empty and no site. Fix: choose another folder for --out")
    if not sources.store.is_dir():
        fix = "Fix: --store results/mini or results/demo, or make a run of your own: `tox -e reproduce-table1`"
        raise AnatomyR1Error(f"{sources.store}: no such folder. {fix}")
    with atomic_folder(out) as site:
        return _fill(site, sources)


def _stores_below(folder: Path) -> str:
    """The fix for a folder without results: the stores that lie in it, or beside it."""
    places = {one.resolve(): one for one in (*sorted(folder.iterdir()), folder.parent) if one.is_dir()}
    found = [str(one) for one in places.values() if store_in(one) != one]
    named = f"--store {' or '.join(found)}, or make" if found else "make"
    return f"Fix: {named} a run of your own: `tox -e reproduce-table1`"


def _fill(site: Path, sources: SiteSources) -> data.Written:
    results = load_results(sources.store)
    if not results:
        raise AnatomyR1Error(f"{sources.store}: no results in it. {_stores_below(sources.store)}")
    viewed, pictures = _viewed(results, sources), Pictures(site, sources.with_images)
    methods = frozenset(one.method for one in results)
    written = data.write(site, viewed.results, viewed.run, pictures, methods)
    pages = [
        *_pages(site, results, viewed, written, pictures=pictures, sources=sources),
        *artefacts.pages(sources.artefacts, sources.readers, sources.documents),
    ]
    names = [page.file for page in pages]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AnatomyR1Error(f"{', '.join(twice)}: two pages of that name. Fix: name the JSON file differently")
    licence = LICENCE if LICENCE in written.notices else ""
    of_demo = "" if viewed.caveat else _demo_note(results)
    alarm = " ".join(filter(None, (of_demo, warning(results), licence)))
    evidence = Evidence(
        {benchmark_title(one.benchmark): one.benchmark for one in results},
        methods,
        frozenset() if viewed.caveat else written.logged,
    )
    for page in pages:
        # A page that has no provenance of its own shows that of all results.
        kept = of_table2(results) if page.file == "table2.html" else results
        whole = page if page.facts else replace(page, facts=facts(kept), commands=again(kept))
        text = render(whole, pages, alarm, {"evidence": evidence})
        (site / page.file).write_bytes(text.encode("utf-8", "replace"))
    shutil.copytree(HERE / "static", site / "static")
    (site / MARK).write_text("Made by `python -m reports site`, which may replace this folder.\n", encoding="utf-8")
    return written


def _viewed(results: Sequence[Result], sources: SiteSources) -> _Viewed:
    if sources.run is not None or sources.demo is None:
        return _Viewed(results, open_run(sources.run), "")
    shown = load_results(store_in(sources.demo))
    note = _demo_note(shown) or f"{DEMO}: the run in {sources.demo.name}."
    return _Viewed(shown, open_run(sources.demo), f"{OTHER_RUN}this page shows a demo. {note}")


def _demo_note(results: Sequence[Result]) -> str:
    """The note of results that are a demo's; empty for any others."""
    said = {str(one.provenance.get("note") or "") for one in results}
    return " ".join(sorted(said)) if all(note.startswith(DEMO) for note in said) else ""


def _pages(
    site: Path,
    results: Sequence[Result],
    viewed: _Viewed,
    written: data.Written,
    *,
    pictures: Pictures,
    sources: SiteSources,
) -> list[SitePage]:
    every, numbers, spent = scores(results), paper.load(), costs(results)
    found, compared = by_key(every), analyses(results)
    tables, absent = _tables(results, compared)
    drawn, overview = figures(site, results, compared, sources.artefacts)
    methods = [
        method_page(name, [result for result in results if result.method == name], found, spent, numbers)
        for name in sorted({result.method for result in results}, key=method_rank)
    ]
    inner = [
        *tables,
        SitePage("methods.html", "Methods", "methods.html.j2", {"methods": methods}, section=RESULTS),
        *methods,
        *_viewers(viewed, written),
        *([_gallery(drawn)] if drawn else []),
    ]
    shown = made_from(results, every)
    files = [page.file for page in inner]
    asked = example(viewed.results, viewed.run, pictures) if viewed.run else None
    group = group_example(viewed.results, viewed.run, pictures) if viewed.run else None
    shown_pictures = [one.picture for one in (asked, group) if one and one.picture]
    front = {
        "sizes": {name: picture_size(site / name) for name in shown_pictures},
        "findings": findings(results, found, compared, files),
        "is_demo": bool(_demo_note(results)),
        "forest": overview,
        "example": asked,
        "group": group,
        "viewed": viewed.caveat,
        "made_from": shown,
        "files": files,
    }
    about = {
        "absent": [*absent, *sources.absent],
        "notices": written.notices,
        "made_from": shown,
        "lacking": lacking(results),
        "commands": again(results),
    }
    return [
        SitePage("index.html", "anatomy-r1", "index.html.j2", front, ("tables.js",)),
        *inner,
        SitePage("about.html", "About", "about.html.j2", about, section=ABOUT),
    ]


def _viewers(viewed: _Viewed, written: data.Written) -> list[SitePage]:
    """The pages of samples and rollouts, as far as there is something to read."""
    scripts = ("shards.js", "dom.js", "data/index.js")
    sampling = (*scripts, "pages.js", "filters.js", "sample.js", "samples.js")
    training = (*scripts, "tables.js", "chart.js", "rollouts.js")
    content = {"notices": written.notices}
    origin = (facts(viewed.results), again(viewed.results)) if viewed.caveat else ((), ())
    samples = SitePage(
        SAMPLES_FILE, "Samples", "samples.html.j2", content, sampling, *origin, section=SAMPLES, caveat=viewed.caveat
    )
    rollouts = SitePage(
        ROLLOUTS_FILE,
        "Rollouts",
        "rollouts.html.j2",
        content,
        training,
        *origin,
        section=TRAINING,
        caveat=viewed.caveat,
    )
    return [*([samples] if written.responses else []), *([rollouts] if written.trainings else [])]


def _gallery(drawn: Sequence[artefacts.Figure]) -> SitePage:
    return SitePage("figures.html", "Figures", "figures.html.j2", {"figures": drawn}, section=TRAINING)


def _tables(
    results: Sequence[Result], compared: dict[str, tuple[list[Result], Analysis]]
) -> tuple[list[SitePage], list[tuple[str, str]]]:
    """Pages of tables, and (title, reason) for each that could not be made."""
    pages, absent = [], {}
    for title, (file, lead, make) in _TABLES.items():
        try:
            pages.append(table_page(file, title, lead, make(results), section=RESULTS))
        except AnatomyR1Error as error:
            absent[title] = str(error)
    try:
        made, lead = comparisons(compared), "Each method against GRPO, on the same questions: the verdict first."
        pages.append(table_page("comparisons.html", "Compare", lead, made, section=COMPARE, template="compare.html.j2"))
    except AnatomyR1Error as error:
        absent["Compare"] = str(error)
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


_TABLES: dict[str, tuple[str, str, Callable[[Sequence[Result]], tuple[Document, ...]]]] = {
    "Table 1": (
        "table1.html",
        "All methods on both benchmarks, ours beside the paper's.",
        lambda of: (table1(of),),
    ),
    "Table 2": ("table2.html", "GDQA without its text, and without its images.", lambda of: (table2(of),)),
    "Without the image": (
        "blind.html",
        "What the image adds: each score minus the best rule that sees no image.",
        lambda of: (blind_report(of),),
    ),
    "Controls": ("controls.html", "What is reached without an image, or without training.", _controls),
    "Costs": ("costs.html", "What each method cost, and what that bought.", lambda of: (cost_report(of),)),
}
"""Title of a page of tables -> its file, its first sentence, and what makes its tables."""
