"""The ledger: claims, a result store and an audit in, one row for each claim out; and its formats.

Every format counts the verdicts and lists all claims in one table; then each claim with what was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import load_results
from anatomy_r1.tables import html, markdown, text
from anatomy_r1.tables.table import Document, Entry, Section, prose_table
from reports.audit.audit import sizes
from reports.audit.paper import Claim, ClaimKind, Paper, load_paper
from reports.audit.report import Check, findings
from reports.formats import csv_text, inert
from reports.ledger.judgement import MEANINGS, NONE, Judgement, PaperEvidence, judged
from reports.ledger.measured import CurveStatement, Measurements, Scale, judged_by_curves, measure, measured
from reports.ledger.remarks import remark
from reports.scores.names import is_mini
from reports.scores.notes import MINI_WARNING, USE, commits

TITLE = "Reproduction ledger: every claim of the paper, and what was done about it"
PAPER, MINI, REMARK = "paper", "mini world", "remark"
COLUMNS = ("id", "locator", "kind", "claim", "paper_verdict", "paper_why", "mini_verdict", "mini_why", "remark")
"""Of the CSV file, and the keys of a claim in the JSON file."""
_RULE = (
    "Each claim has two verdicts. Paper: from the paper's own numbers, its released files, and results on its models "
    "and data if the store has any. Mini world: from a tiny network in a generated world, and about that world only."
)
_REMARKS = (
    "{count} claims have a remark: the audit found something in a benchmark that they rest on. A remark says what such "
    "numbers can show; it changes neither verdict."
)
_NOTHING: dict[ClaimKind, str] = {
    "quoted": "Figures of the paper's own; claims that compare have their own rows.",
    "curve": "No statement about training curves bears on it, or none were given (--curves FILE).",
    "words": "Nothing to test here.",
}
"""Kind of claim -> reason for having no verdict; of other kinds, that it was not run."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One claim with its two judgements."""

    id: str
    locator: str
    """Where it is made in the paper."""
    kind: ClaimKind
    claim: str
    """In our words."""
    paper: Judgement
    """At the paper's scale: its numbers, its release, and results on its models and data where there are any."""
    mini: Judgement
    """In the mini world; it says nothing about Qwen2.5-VL."""
    remark: str = ""
    """What the audit found in a benchmark that the claim rests on; it changes neither verdict."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that is printed."""

    rows: tuple[LedgerRow, ...]
    family: int
    """Comparisons tested together in the mini world."""
    told: tuple[str, ...]
    """What differs between the systems that were compared."""
    skipped: tuple[str, ...]
    """Audit checks that were skipped."""
    commits: tuple[str, ...]
    """Of the results."""


def ledger(
    store: Path, checks: Sequence[Check], statements: Sequence[CurveStatement] = (), paper: Paper | None = None
) -> Ledger:
    """Every claim.

    Args:
        store: result store, of any profile.
        checks: an audit, of the paper's numbers at least.
        statements: about training curves.
        paper: the paper as data (default: the files of this project).

    Raises:
        AnatomyR1Error: when the store does not exist, or holds what cannot be compared.
    """
    if not store.is_dir():
        raise AnatomyR1Error(f"{store}: no such folder. Fix: name a result store, for example results/mini/store")
    paper, results = paper or load_paper(), load_results(store)
    made: dict[Scale, Measurements] = {
        scale: measure(store, [r for r in results if is_mini(r.benchmark) == (scale == "mini")], paper.claims, scale)
        for scale in get_args(Scale)
    }
    papers = PaperEvidence(
        paper.cells,
        {one.id: one for one in paper.figures},
        {finding.id: finding for finding in findings(checks)},
        sizes(paper.cells),
    )
    rows = []
    for claim in paper.claims:
        run, mini = (_run(claim, made[scale], statements, scale) for scale in made)
        judgement = judged(claim, papers)
        # Measurements on the paper's models and data outrank the printed numbers, unless those contradict themselves.
        if run.verdict != "none" and judgement.verdict != "contradicted":
            judgement = Judgement(run.verdict, f"{run.why} {judgement.why}")
        told = remark(claim, papers.cells, papers.figures, papers.findings)
        rows.append(LedgerRow(claim.id, claim.locator, claim.kind, claim.text, judgement, mini, told))
    skipped = tuple(check.title for check in checks if check.skipped)
    return Ledger(tuple(rows), made["mini"].family, made["mini"].told, skipped, tuple(commits(results)))


def _run(claim: Claim, made: Measurements, statements: Sequence[CurveStatement], scale: Scale) -> Judgement:
    """The judgement from curves or results at one scale; where there is neither, the reason."""
    found = judged_by_curves(claim, statements, scale)
    if found.verdict == "none" and claim.kind != "curve":
        found = measured(claim, made, scale)
    return found if found != NONE else Judgement("none", _NOTHING.get(claim.kind, "Not run."))


def files(ledger: Ledger) -> dict[str, str]:
    """File name -> content. The same ledger gives the same bytes."""
    shown, rows = document(ledger), []
    for row in ledger.rows:
        judgements = (row.paper.verdict, row.paper.why, row.mini.verdict, row.mini.why)
        values = (row.id, row.locator, row.kind, row.claim, *judgements, row.remark)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    content = {"claims": rows, "family": ledger.family, "told": ledger.told, "commits": ledger.commits}
    return {
        "ledger.txt": text.render(shown),
        "ledger.md": markdown.render(shown),
        "ledger.html": html.render(shown),
        "ledger.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        "ledger.csv": csv_text(COLUMNS, ([inert(value) for value in row.values()] for row in rows)),
    }


def read_document(path: Path) -> Document:
    """The document of `ledger.json`, which does not say which checks of the audit were skipped.

    Raises:
        AnatomyR1Error: when the file is not a ledger.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(map(_row, content["claims"]))
        found = Ledger(rows, int(content["family"]), tuple(content["told"]), (), tuple(content["commits"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "write it with `python -m reports ledger --out DIR`"
        raise AnatomyR1Error(f"{path}: not a ledger ({type(error).__name__}: {error}). Fix: {fix}") from error
    return document(found)


def _row(raw: Mapping[str, Any]) -> LedgerRow:
    id_, locator, kind, claim, paper, paper_why, mini, mini_why, told = (raw[name] for name in COLUMNS)
    if kind not in get_args(ClaimKind) or not {paper, mini} <= set(MEANINGS):
        raise ValueError(f"claim {id_}: no such kind or verdict")
    return LedgerRow(id_, locator, kind, claim, Judgement(paper, paper_why), Judgement(mini, mini_why), told)


def document(ledger: Ledger) -> Document:
    """Counts, an overview, and a section for each part of the paper, in the file's order; a part may come twice."""
    sides = [row.paper.verdict for row in ledger.rows], [row.mini.verdict for row in ledger.rows]
    counts = ((word, *(str(side.count(word)) for side in sides)) for word in MEANINGS)
    overview = (
        (row.id, row.claim, row.paper.verdict, row.mini.verdict, "yes" if row.remark else "") for row in ledger.rows
    )
    summary = (
        prose_table(f"{len(ledger.rows)} claims by verdict", ("verdict", PAPER, MINI), counts),
        prose_table("What a verdict means", ("verdict", "meaning"), MEANINGS.items(), "The rules are ours."),
    )
    parts = groupby(ledger.rows, key=lambda row: row.locator.split(",")[0].split(";")[0])
    sections = (
        Section("summary", "Verdicts", tables=summary),
        Section(
            "overview", "All claims", tables=(prose_table("Claims", ("id", "claim", PAPER, MINI, REMARK), overview),)
        ),
        *(
            Section(f"part-{number}", name, entries=tuple(map(_entry, rows)))
            for number, (name, rows) in enumerate(parts, start=1)
        ),
    )
    remarked = sum(bool(row.remark) for row in ledger.rows)
    lead = (_RULE, *([_REMARKS.format(count=remarked)] if remarked else []))
    return Document(TITLE, MINI_WARNING, lead=lead, sections=sections, notes=_notes(ledger))


def _entry(row: LedgerRow) -> Entry:
    judgements = (
        (scale, f"{of.verdict[:1].upper()}{of.verdict[1:]}. {of.why}")
        for scale, of in ((PAPER, row.paper), (MINI, row.mini))
    )
    told = ((REMARK, row.remark),) if row.remark else ()
    return Entry(row.id, row.claim, f"{PAPER}: {row.paper.verdict}", (("where", row.locator), *judgements, *told))


def _notes(ledger: Ledger) -> tuple[str, ...]:
    family = (
        f"Mini world: {ledger.family} comparisons by Avg@5 in the matched arm, Holm-corrected together; "
        "docs/statistics.md defines the sign-flip test over clusters, the verdicts and the MDD. The family follows "
        "from the claims and was not declared before the runs. Intervals are over videos or images, given these "
        "training runs, unless they say that they are over seeds as well, or over seeds and bases; one that leaves "
        "out bases says nothing of another base."
    )
    return (
        *([family] if ledger.family else []),
        *(text for text in ledger.told if text.startswith("UNFIT")),
        *(f"Compared despite a difference: {text}." for text in ledger.told if " differ in " in text),
        *(f"Audit check not made: {title}." for title in ledger.skipped),
        f"Results of commit {', '.join(ledger.commits) or 'none'}.",
        "How to read this: docs/audit.md.",
        USE,
    )
