"""The audit as a page: what was found first, then every check with its numbers.

The audit in every format.

The audit as JSON and back, so that the ledger and the site read an audit without the files it was made from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from reports.audit.audit import findings
from reports.audit.finding import STRENGTHS, Check, Finding
from reports.formats.csv_files import csv_text, inert
from reports.formats.page import Entry, Grid, Page, Section
from reports.formats.page_text import render_html, render_markdown, render_text
from reports.scores.notes import USE

TITLE = "Audit of the paper's numbers and of the released files"
WARNING = (
    "A finding is a question to the authors, no verdict on them. It says what does not fit, and what it does not show."
)


def page(checks: Sequence[Check]) -> Page:
    """The same checks give the same page: no date, no machine."""
    found = findings(checks)
    made = [check for check in checks if not check.skipped]
    skipped = [f"Skipped: {check.title}. Why: {check.skipped}." for check in checks if check.skipped]
    clean = sum(not check.findings for check in made)
    lead = f"{len(made)} checks came to {len(found)} findings; {clean} of the checks found nothing."
    return Page(
        title=TITLE,
        warning=WARNING,
        lead=(lead, *([f"{len(skipped)} checks were skipped; the notes say why."] if skipped else [])),
        sections=(_summary(found), *(_section(check) for check in made)),
        notes=(*skipped, "How to read this: docs/audit.md.", USE),
    )


def _summary(found: Sequence[Finding]) -> Section:
    order = list(STRENGTHS)
    ranked = sorted(found, key=lambda finding: order.index(finding.strength))
    rows = tuple((finding.strength, finding.title, finding.question) for finding in ranked)
    counts = Counter(finding.strength for finding in found)
    told = ", ".join(f"{counts[name]} {name}" for name in order if counts[name]) or "nothing was found"
    grid = Grid("Findings and questions", ("strength", "finding", "question to the authors"), rows)
    scale = Grid("How strong", ("strength", "what it means"), tuple(STRENGTHS.items()), "The scale is ours.")
    return Section("summary", "What was found", (f"By strength: {told}.",), grids=(*([grid] if rows else []), scale))


def _section(check: Check) -> Section:
    lead = (f"Looked at: {check.looked_at}.", *([] if check.findings else ["Nothing was found."]))
    return Section(check.id, check.title, lead, tuple(map(_entry, check.findings)), check.grids)


def _entry(finding: Finding) -> Entry:
    return Entry(
        name=finding.id,
        title=finding.title,
        badge=finding.strength,
        facts=(
            ("test", finding.test),
            ("figure", finding.figure),
            ("does not show", finding.limits),
            ("question", finding.question),
        ),
    )


COLUMNS = ("check", "id", "strength", "title", "test", "figure", "limits", "question")


def render(checks: Sequence[Check]) -> str:
    """All checks with their findings and grids."""
    return json.dumps({"checks": [asdict(check) for check in checks]}, indent=1, ensure_ascii=False) + "\n"


def render_csv(checks: Sequence[Check]) -> str:
    """One line a finding."""
    lines = (
        [check.id, *(inert(str(getattr(finding, name))) for name in COLUMNS[1:])]
        for check in checks
        for finding in check.findings
    )
    return csv_text(COLUMNS, lines)


def load(path: Path) -> tuple[Check, ...]:
    """Inverse of `render`.

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
    grids = tuple(_grid(one) for one in raw["grids"])
    return Check(**{**raw, "findings": tuple(Finding(**one) for one in raw["findings"]), "grids": grids})


def _grid(raw: Mapping[str, Any]) -> Grid:
    return Grid(raw["title"], _texts(raw["head"]), tuple(_texts(row) for row in raw["rows"]), raw["note"])


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))


def files(checks: Sequence[Check]) -> dict[str, str]:
    """File name -> content."""
    shown = page(checks)
    return {
        "audit.txt": render_text(shown),
        "audit.md": render_markdown(shown),
        "audit.html": render_html(shown),
        "audit.json": render(checks),
        "audit.csv": render_csv(checks),
    }
