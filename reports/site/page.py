"""Pages rendered from templates, with what their numbers were made from and the commands that reproduce them.

A page belongs to one of six sections, which are the site's menu; a section without pages is not in it.

All text is escaped: stores may come from anyone.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment

from anatomy_r1.bases import RunKey, crossed, distinct_seeds, factors_text, named_bases
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import MATCHED, SUBMITTED, Result
from anatomy_r1.tables.html import environment
from anatomy_r1.tables.table import MISSING, Cell, Document, Table, groups
from reports.scores.names import ABLATION, benchmark_title
from reports.scores.notes import commit, machines

HERE = Path(__file__).parent
RESULTS, COMPARE, SAMPLES, TRAINING, CLAIMS, ABOUT = SECTIONS = (
    "Results",
    "Compare",
    "Samples",
    "Training",
    "Claims",
    "About",
)
ProvenanceFacts = tuple[tuple[str, tuple[str, ...]], ...]
"""(name, values), in reading order."""
PROFILE_FILES = {"demo": "results/demo/profile.yaml"}
"""Name of a profile that is not among `baselines/profiles` -> its file."""
_LONGEST = 120
"""Characters of a file name; file systems take 255 bytes."""
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
    """Entry of the menu that it belongs to; empty for the front page."""
    listed: bool = True
    """Whether it is in its section's own menu."""
    caveat: str = ""
    """What must be read before this page, such as that it shows a demo."""
    short: str = ""
    """Its name in menus, if not its title."""


class Link(NamedTuple):
    """An entry of a menu."""

    title: str
    file: str
    here: bool


def menu(pages: Sequence[SitePage], page: SitePage) -> list[Link]:
    """The sections that have a page; each leads to its first."""
    first = {one.section: one.file for one in reversed(pages) if one.listed}
    return [Link(name, first[name], name == page.section) for name in SECTIONS if name in first]


def submenu(pages: Sequence[SitePage], page: SitePage) -> list[Link]:
    """The pages of this page's section; none where it is alone."""
    found = [one for one in pages if page.section and one.section == page.section and one.listed]
    return [Link(one.short or one.title, one.file, one.file == page.file) for one in found] if len(found) > 1 else []


def render(page: SitePage, pages: Sequence[SitePage], warning: str, context: Mapping[str, Any]) -> str:
    """The page as HTML, with menus of `pages`; `context` is what templates of all pages may need."""
    shown = {**context, **page.content, "menu": menu(pages, page), "submenu": submenu(pages, page)}
    return _environment().get_template(page.template).render(page=page, warning=warning, **shown)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = environment(HERE / "templates")
    made.globals |= {"wordy": wordy, "parts": parts}
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


def parts(table: Table, apart: Container[str]) -> list[tuple[str, Table]]:
    """A table whose column groups are those in `apart` (benchmarks), as one table for each; any other as it is."""
    found = list(groups(table))
    if len(found) < 2 or not all(name in apart for name, _ in found):
        return [("", table)]
    return [
        (name, _columns(table, indices, f"-{place}" if place else "")) for place, (name, indices) in enumerate(found)
    ]


def _columns(table: Table, indices: Sequence[int], suffix: str) -> Table:
    """A table with some of its columns, whose group's name is then its title."""
    rows = [
        replace(block, rows=tuple(replace(row, cells=tuple(row.cells[i] for i in indices)) for row in block.rows))
        for block in table.blocks
    ]
    kept = tuple(table.columns[i] for i in indices)
    return replace(table, name=f"{table.name}{suffix}", columns=kept, blocks=tuple(rows))


def table_page(
    file: str, title: str, lead: str, reports: tuple[Document, ...], *, section: str, template: str = "tables.html.j2"
) -> SitePage:
    """A page of one or several reports; tables of several get names of their own."""
    content = {"lead": lead, "reports": reports, "many": len(reports) > 1}
    return SitePage(file, title, template, content, ("tables.js", "sort.js"), section=section)


def slug(name: str) -> str:
    """A file name of `name`: itself if it is plain, else with a digest, so that two names never share a file."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.replace("/", "--")).strip(".-")
    if plain and plain.replace("--", "/") == name and len(plain) <= _LONGEST:
        return plain
    return f"{plain[:60]}-{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def facts(results: Sequence[Result]) -> ProvenanceFacts:
    """Profile, data, seeds, commits, locks, packages and machines behind some results. No date: same bytes."""
    provenances = [result.provenance for result in results]
    trainings = [of for p in provenances if isinstance(of := stated(p, "training", "provenance"), Mapping) and of]
    found = (
        ("Profile", _unique(result.profile for result in results)),
        ("Seeds", (factors_text(result.run for result in results),)),
        ("Trained at commit", _unique(map(commit, trainings))),
        ("Scored at commit", _unique(map(commit, provenances))),
        ("Lock (SHA-256)", _unique(str(p.get("lock_sha256") or "")[:16] for p in (*provenances, *trainings))),
        ("Data", _unique(_data(result) for result in results)),
        ("Packages", _unique(_packages(p) for p in (*provenances, *trainings))),
        ("Machines", (machines(results),)),
        ("Note", _unique(str(p.get("note") or "") for p in provenances)),
    )
    return tuple((name, values) for name, values in found if values)


def commands(results: Sequence[Result]) -> tuple[str, ...]:
    """Commands that train, sample and score these results again, and no others.

    They are derived from the results: what was typed is not recorded. Submitted results have no command.
    """
    runs: dict[tuple[str, str, str, str], list[RunKey]] = {}
    for one in sorted((one for one in results if one.arm != SUBMITTED), key=lambda result: result.key):
        runs.setdefault((one.method, one.benchmark, one.model, one.arm), []).append(one.run)
    entries = [
        _Cells((method,), (benchmark,), (model,), (arm,), distinct_seeds(part), named_bases(part))
        for (method, benchmark, model, arm), of in runs.items()
        for part in crossed(of)
    ]
    for place in range(4):
        entries = _merged(entries, place)
    profile = results[0].profile if results else ""
    return tuple(_command(PROFILE_FILES.get(profile, profile), entry) for entry in entries)


def again(results: Sequence[Result]) -> tuple[str, ...]:
    """`commands`, and the one that builds this site from their output."""
    profiles = sorted({result.profile for result in results})
    sites = (shlex.join(("python", "-m", "reports", "site", "--out", "site", "--run", f"runs/{p}")) for p in profiles)
    return (*commands(results), *sites)


class _Cells(NamedTuple):
    """All combinations of these."""

    methods: tuple[str, ...]
    benchmarks: tuple[str, ...]
    models: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    bases: tuple[str, ...]
    """Empty where they have no name."""


def _merged(entries: Iterable[_Cells], place: int) -> list[_Cells]:
    """Merge entries that differ in one field only."""
    found: dict[tuple[object, ...], list[_Cells]] = {}
    for entry in entries:
        found.setdefault((*entry[:place], *entry[place + 1 :]), []).append(entry)
    return [
        _Cells(*(*of[0][:place], tuple(name for one in of for name in one[place]), *of[0][place + 1 :]))  # type: ignore[arg-type]
        for of in found.values()
    ]


def _command(profile: str, of: _Cells) -> str:
    table = 2 if set(of.methods) <= set(ABLATION) else 1
    arms = () if of.arms == (MATCHED,) else ("--arms", *of.arms)
    words = ("tox", "-e", f"reproduce-table{table}", "--", "--profile", profile, "--benchmarks", *of.benchmarks)
    bases = ("--bases", *of.bases) if of.bases else ()
    seeds = ("--seeds", *map(str, of.seeds), *bases)
    return shlex.join((*words, "--models", *of.models, "--methods", *of.methods, *seeds, *arms))


def _data(result: Result) -> str:
    data = result.provenance.get("data")
    if not isinstance(data, Mapping):
        return ""
    kind = "generated" if data.get("generated") else "real"
    sha = str(data.get("questions_sha256") or "unknown")[:16]
    return f"{benchmark_title(result.benchmark)}: {kind}, questions SHA-256 {sha}, split seed {data.get('seed')}"


def _packages(record: Mapping[str, Any]) -> str:
    packages = record.get("packages")
    listed = [f"{name} {version}" for name, version in sorted(packages.items())] if isinstance(packages, dict) else []
    return ", ".join([*listed, f"Python {record['python']}"] if record.get("python") else listed)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))
