"""What an audit consists of, checks and findings, and its formats: first what was found, then every check.

A finding is a question to the authors. `audit.json` holds the checks themselves, so that the ledger and the site can
read an audit without the files that it was made from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from anatomy_r1.tables import html, markdown, text
from anatomy_r1.tables.table import Document, Entry, Section, Table, prose_rows, prose_table
from anatomy_r1.validation import read_validated
from reports.formats import csv_text, inert
from reports.scores.notes import USE

Strength = Literal["counted", "strong", "suggestive", "reading"]
STRENGTHS: dict[Strength, str] = {
    "counted": "counting or arithmetic on printed figures or on the files; anyone can repeat it by hand",
    "strong": "chance alone would produce it in fewer than 1 of 1,000 cases, allowing for all that was tested",
    "suggestive": "chance alone would produce it in fewer than 1 of 20 cases, or it rests on a stated assumption "
    "of ours",
    "reading": "two passages disagree as we read them; another reading may resolve it",
}
"""How strong a finding is, from the strongest. The scale is ours."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency. No field may be empty."""

    id: str
    """`check.what`: stable, unique in an audit."""
    title: str
    test: str
    """What was done."""
    figure: str
    """What came out, with its numbers."""
    strength: Strength
    limits: str
    """What it does not show."""
    question: str
    """To the authors."""

    def __post_init__(self) -> None:
        empty = [name for name in self.__slots__ if not str(getattr(self, name)).strip()]
        if empty or self.strength not in STRENGTHS:
            raise ValueError(f"finding {self.id!r}: empty {empty}, strength {self.strength!r}")


@dataclass(frozen=True, slots=True)
class Check:
    """One test, whether or not it found something. One that was skipped has no findings."""

    id: str
    title: str
    looked_at: str
    """What was tested, with counts; for a skipped check, what would be tested."""
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    """The numbers behind it."""
    skipped: str = ""
    """Why it was skipped; empty where it was made."""

    def __post_init__(self) -> None:
        if self.skipped and self.findings:
            raise ValueError(f"check {self.id}: skipped, yet with findings")


def of_p(p: float) -> Strength | None:
    """Strength of a finding from a p value that allows for all that was tested; None where it is not a finding."""
    return "strong" if p < 0.001 else "suggestive" if p < 0.05 else None


def findings(checks: Iterable[Check]) -> tuple[Finding, ...]:
    """Findings of all checks, in order."""
    return tuple(finding for check in checks for finding in check.findings)


TITLE = "Audit of the paper's numbers and of the released files"
WARNING = (
    "A finding is a question to the authors, not a verdict on them. It says what does not fit, and what it does not "
    "show."
)
COLUMNS = ("check", "id", "strength", "title", "test", "figure", "limits", "question")
"""Of the CSV file."""


def files(checks: Sequence[Check]) -> dict[str, str]:
    """File name -> content. The same checks give the same bytes: no date, no machine."""
    shown = document(checks)
    lines = (
        [check.id, *(inert(str(getattr(finding, name))) for name in COLUMNS[1:])]
        for check in checks
        for finding in check.findings
    )
    content = {"checks": [_check_to_json(check) for check in checks]}
    return {
        "audit.txt": text.render(shown),
        "audit.md": markdown.render(shown),
        "audit.html": html.render(shown),
        "audit.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        "audit.csv": csv_text(COLUMNS, lines),
    }


def document(checks: Sequence[Check]) -> Document:
    """A summary, then a section for each check that was made; the notes list those that were skipped."""
    found = findings(checks)
    made = [check for check in checks if not check.skipped]
    skipped = [f"Skipped: {check.title}. Why: {check.skipped}." for check in checks if check.skipped]
    clean = sum(not check.findings for check in made)
    lead = f"{len(made)} checks led to {len(found)} findings; {clean} of the checks found nothing."
    return Document(
        TITLE,
        WARNING,
        lead=(lead, *([f"{len(skipped)} checks were skipped; the notes say why."] if skipped else [])),
        sections=(_summary(found), *map(_section, made)),
        notes=(*skipped, "How to read this: docs/audit.md.", USE),
    )


def _summary(found: Sequence[Finding]) -> Section:
    order = list(STRENGTHS)
    ranked = sorted(found, key=lambda finding: order.index(finding.strength))
    rows = [(finding.strength, finding.title, finding.question) for finding in ranked]
    counts = Counter(finding.strength for finding in found)
    told = ", ".join(f"{counts[name]} {name}" for name in order if counts[name]) or "nothing was found"
    table = prose_table("Findings and questions", ("strength", "finding", "question to the authors"), rows)
    scale = prose_table("Strength of a finding", ("strength", "what it means"), STRENGTHS.items(), "The scale is ours.")
    return Section("summary", "What was found", (f"By strength: {told}.",), tables=(*([table] if rows else []), scale))


def _section(check: Check) -> Section:
    lead = (f"Examined: {check.looked_at}.", *([] if check.findings else ["Nothing was found."]))
    return Section(check.id, check.title, lead, tuple(map(_entry, check.findings)), check.tables)


def _entry(finding: Finding) -> Entry:
    facts = (("test", finding.test), ("figure", finding.figure))
    asked = (("does not show", finding.limits), ("question", finding.question))
    return Entry(finding.id, finding.title, finding.strength, (*facts, *asked))


def _check_to_json(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "title": check.title,
        "looked_at": check.looked_at,
        "findings": [asdict(finding) for finding in check.findings],
        "grids": [_table_to_json(table) for table in check.tables],
        "skipped": check.skipped,
    }


def _table_to_json(table: Table) -> dict[str, Any]:
    head, rows = prose_rows(table)
    return {"title": table.title, "head": head, "rows": rows, "note": "".join(table.notes)}


def read_document(path: Path) -> Document:
    """The document of `audit.json`."""
    return document(load(path))


def load(path: Path) -> tuple[Check, ...]:
    """Read `audit.json`; an AnatomyR1Error where the file is not one."""
    kept = read_validated(path, _StoredAudit, what="audit", fix="write it with `python -m reports audit --out DIR`")
    return tuple(map(_check, kept.checks))


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _StoredTable(_Stored):
    title: str
    head: list[str]
    rows: list[list[str]]
    note: str


class _StoredFinding(_Stored):
    id: str
    title: str
    test: str
    figure: str
    strength: Strength
    limits: str
    question: str


class _StoredCheck(_Stored):
    id: str
    title: str
    looked_at: str
    findings: list[_StoredFinding]
    skipped: str
    grids: list[_StoredTable]


class _StoredAudit(BaseModel):
    """`audit.json`; what it says beside the checks is for readers of the file."""

    model_config = ConfigDict(extra="ignore", strict=True)

    checks: list[_StoredCheck]


def _check(kept: _StoredCheck) -> Check:
    tables = tuple(prose_table(one.title, one.head, one.rows, one.note) for one in kept.grids)
    found = tuple(Finding(**one.model_dump()) for one in kept.findings)
    return Check(kept.id, kept.title, kept.looked_at, found, tables, kept.skipped)
