"""The ledger in every format."""

from __future__ import annotations

import json

from reports.formats import html, inert_csv, markdown
from reports.formats import page_text as text
from reports.ledger.ledger import Ledger
from reports.ledger.report import page

COLUMNS = ("id", "locator", "kind", "claim", "paper_verdict", "paper_why", "mini_verdict", "mini_why")


def files(of: Ledger) -> dict[str, str]:
    """File name -> content."""
    shown = page(of)
    return {
        "ledger.txt": text.render(shown),
        "ledger.md": markdown.render(shown),
        "ledger.html": html.render(shown),
        "ledger.json": _json(of),
        "ledger.csv": _csv(of),
    }


def _lines(of: Ledger) -> list[dict[str, str]]:
    return [
        dict(
            zip(
                COLUMNS,
                (
                    *(line.claim.id, line.claim.locator, line.claim.kind, line.claim.text),
                    *(line.paper.verdict, line.paper.why, line.mini.verdict, line.mini.why),
                ),
                strict=True,
            )
        )
        for line in of.lines
    ]


def _json(of: Ledger) -> str:
    content = {"claims": _lines(of), "family": of.family, "told": of.told, "commits": of.commits}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _csv(of: Ledger) -> str:
    return inert_csv.render(COLUMNS, ([inert_csv.inert(value) for value in line.values()] for line in _lines(of)))
