"""The audit in every format: first what was found, then every check with its numbers.

`audit.json` holds the checks themselves, so that the ledger and the site can read an audit without the files that it
was made from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables import html, markdown, text
from anatomy_r1.tables.document import Document, Entry, Section
from anatomy_r1.tables.table import Table, prose_rows, prose_table
from reports.audit.audit import findings
from reports.audit.finding import STRENGTHS, Check, Finding
from reports.formats import csv_text, inert
from reports.scores.notes import USE

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
    return {
        "audit.txt": text.render(shown),
        "audit.md": markdown.render(shown),
        "audit.html": html.render(shown),
        "audit.json": _json(checks),
        "audit.csv": _csv(checks),
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
    facts = {
        "test": finding.test,
        "figure": finding.figure,
        "does not show": finding.limits,
        "question": finding.question,
    }
    return Entry(finding.id, finding.title, finding.strength, tuple(facts.items()))


def _csv(checks: Sequence[Check]) -> str:
    """One line for each finding."""
    lines = (
        [check.id, *(inert(str(getattr(finding, name))) for name in COLUMNS[1:])]
        for check in checks
        for finding in check.findings
    )
    return csv_text(COLUMNS, lines)


def _json(checks: Sequence[Check]) -> str:
    content = [
        {
            "id": check.id,
            "title": check.title,
            "looked_at": check.looked_at,
            "findings": [asdict(finding) for finding in check.findings],
            "grids": [_table_to_json(table) for table in check.tables],
            "skipped": check.skipped,
        }
        for check in checks
    ]
    return json.dumps({"checks": content}, indent=1, ensure_ascii=False) + "\n"


def _table_to_json(table: Table) -> dict[str, Any]:
    head, rows = prose_rows(table)
    return {"title": table.title, "head": head, "rows": rows, "note": "".join(table.notes)}


def read_document(path: Path) -> Document:
    """The document of `audit.json`.

    Raises:
        AnatomyR1Error: when the file is not an audit.
    """
    return document(load(path))


def load(path: Path) -> tuple[Check, ...]:
    """Read `audit.json`.

    Raises:
        AnatomyR1Error: when the file is not an audit.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_check(one) for one in content["checks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "write it with `python -m reports audit --out DIR`"
        raise AnatomyR1Error(f"{path}: not an audit ({type(error).__name__}: {error}). Fix: {fix}") from error


def _check(raw: Mapping[str, Any]) -> Check:
    fields = {name: value for name, value in raw.items() if name not in ("findings", "grids")}
    found = tuple(Finding(**one) for one in raw["findings"])
    return Check(**fields, findings=found, tables=tuple(map(_table, raw["grids"])))


def _table(raw: Mapping[str, Any]) -> Table:
    rows = ([str(cell) for cell in row] for row in raw["rows"])
    return prose_table(raw["title"], [str(title) for title in raw["head"]], rows, raw["note"])
