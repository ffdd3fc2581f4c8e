"""The ledger in every format: verdicts counted, all claims in one table, then each claim with what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables import html, markdown, text
from anatomy_r1.tables.document import Document, Entry, Section
from anatomy_r1.tables.table import Table, prose_table
from reports.audit.claims import ClaimKind
from reports.formats import csv_text, inert
from reports.ledger.judgement import MEANINGS, Judgement
from reports.ledger.ledger import Ledger, LedgerRow
from reports.scores.notes import MINI_WARNING, USE

TITLE = "Reproduction ledger: every claim of the paper, and what was done about it"
PAPER, MINI = "paper", "mini world"
COLUMNS = ("id", "locator", "kind", "claim", "paper_verdict", "paper_why", "mini_verdict", "mini_why")
"""Of the CSV file, and the keys of a claim in the JSON file."""
_RULE = (
    "Each claim has two verdicts. Paper: from the paper's own numbers, its released files, and results on its models "
    "and data if the store has any. Mini world: from a tiny network in a generated world, and about that world only."
)


def files(ledger: Ledger) -> dict[str, str]:
    """File name -> content. The same ledger gives the same bytes."""
    shown, rows = document(ledger), [dict(zip(COLUMNS, _texts(row), strict=True)) for row in ledger.rows]
    content = {"claims": rows, "family": ledger.family, "told": ledger.told, "commits": ledger.commits}
    return {
        "ledger.txt": text.render(shown),
        "ledger.md": markdown.render(shown),
        "ledger.html": html.render(shown),
        "ledger.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        "ledger.csv": csv_text(COLUMNS, ([inert(value) for value in row.values()] for row in rows)),
    }


def _texts(row: LedgerRow) -> tuple[str, ...]:
    return (
        *(row.id, row.locator, row.kind, row.claim),
        *(row.paper.verdict, row.paper.why, row.mini.verdict, row.mini.why),
    )


def read_document(path: Path) -> Document:
    """The document of `ledger.json`.

    Raises:
        AnatomyR1Error: when the file is not a ledger.
    """
    return document(load(path))


def load(path: Path) -> Ledger:
    """Read `ledger.json`. It does not say which checks of the audit were skipped.

    Raises:
        AnatomyR1Error: when the file is not a ledger.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(map(_row, content["claims"]))
        return Ledger(rows, int(content["family"]), tuple(content["told"]), (), tuple(content["commits"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "write it with `python -m reports ledger --out DIR`"
        raise AnatomyR1Error(f"{path}: not a ledger ({type(error).__name__}: {error}). Fix: {fix}") from error


def _row(raw: Mapping[str, Any]) -> LedgerRow:
    id_, locator, kind, claim, paper, paper_why, mini, mini_why = (raw[name] for name in COLUMNS)
    if kind not in get_args(ClaimKind) or not {paper, mini} <= set(MEANINGS):
        raise ValueError(f"claim {id_}: no such kind or verdict")
    return LedgerRow(id_, locator, kind, claim, Judgement(paper, paper_why), Judgement(mini, mini_why))


def document(ledger: Ledger) -> Document:
    """Counts, an overview, and a section for each part of the paper."""
    summary = Section("summary", "Verdicts", tables=(_counts(ledger), _scale()))
    sections = (summary, _overview(ledger), *_parts(ledger))
    return Document(TITLE, MINI_WARNING, lead=(_RULE,), sections=sections, notes=_notes(ledger))


def _counts(ledger: Ledger) -> Table:
    sides = [row.paper for row in ledger.rows], [row.mini for row in ledger.rows]
    rows = [(word, *(str(sum(one.verdict == word for one in side)) for side in sides)) for word in MEANINGS]
    return prose_table(f"{len(ledger.rows)} claims by verdict", ("verdict", PAPER, MINI), rows)


def _scale() -> Table:
    return prose_table("What a verdict means", ("verdict", "meaning"), MEANINGS.items(), "The rules are ours.")


def _overview(ledger: Ledger) -> Section:
    rows = [(row.id, row.claim, row.paper.verdict, row.mini.verdict) for row in ledger.rows]
    return Section("overview", "All claims", tables=(prose_table("Claims", ("id", "claim", PAPER, MINI), rows),))


def _parts(ledger: Ledger) -> tuple[Section, ...]:
    """A section for each part of the paper, in the order of the file; a part may come twice."""
    runs = [(name, list(group)) for name, group in groupby(ledger.rows, key=_part)]
    return tuple(
        Section(f"part-{number}", name, entries=tuple(map(_entry, rows))) for number, (name, rows) in enumerate(runs, 1)
    )


def _part(row: LedgerRow) -> str:
    return row.locator.split(",")[0].split(";")[0]


def _entry(row: LedgerRow) -> Entry:
    facts = (("where", row.locator), (PAPER, _verdict_and_why(row.paper)), (MINI, _verdict_and_why(row.mini)))
    return Entry(row.id, row.claim, f"{PAPER}: {row.paper.verdict}", facts)


def _verdict_and_why(judgement: Judgement) -> str:
    return f"{judgement.verdict[:1].upper()}{judgement.verdict[1:]}. {judgement.why}"


def _notes(ledger: Ledger) -> tuple[str, ...]:
    family = (
        f"Mini world: {ledger.family} comparisons by Avg@5 in the matched arm, Holm-corrected together; "
        "docs/statistics.md defines the sign-flip test over clusters, the verdicts and the MDD. The family follows "
        "from the claims and was not declared before the runs. Intervals are over videos or images, given these "
        "training runs, unless they say that they are over clusters and seeds; all training runs of a model start "
        "from one base."
    )
    return (
        *([family] if ledger.family else []),
        *(f"Compared despite a difference: {text}." for text in ledger.told if " differ in " in text),
        *(f"Audit check not made: {title}." for title in ledger.skipped),
        f"Results of commit {', '.join(ledger.commits) or 'none'}.",
        "How to read this: docs/audit.md.",
        USE,
    )
