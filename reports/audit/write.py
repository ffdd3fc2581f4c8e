"""The audit in every format."""

from __future__ import annotations

from collections.abc import Sequence

from reports.audit import as_json
from reports.audit.finding import Check
from reports.audit.report import page
from reports.formats import html, markdown
from reports.formats import page_text as text


def files(checks: Sequence[Check]) -> dict[str, str]:
    """File name -> content."""
    shown = page(checks)
    return {
        "audit.txt": text.render(shown),
        "audit.md": markdown.render(shown),
        "audit.html": html.render(shown),
        "audit.json": as_json.render(checks),
        "audit.csv": as_json.render_csv(checks),
    }
