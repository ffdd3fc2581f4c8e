"""The audit as a page: what was found first, then every check with its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports.audit.audit import findings
from reports.audit.finding import STRENGTHS, Check, Finding
from reports.formats.page import Entry, Grid, Page, Section
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
