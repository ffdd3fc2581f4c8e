"""The ledger as a page: every claim with both verdicts in one table to sort, then why, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, Table
from reports.site.sections import Section

_COLUMNS = (("locator", "Where"), ("paper_verdict", "At the paper's scale"), ("mini_verdict", "In the mini world"))


def is_ledger(content: Any) -> bool:
    """Whether a JSON file is the ledger of `python -m reports ledger`."""
    claims = content.get("claims") if isinstance(content, dict) else None
    wanted = {"claim", *(key for key, _ in _COLUMNS)}
    return (
        isinstance(claims, list)
        and bool(claims)
        and all(isinstance(one, dict) and wanted <= set(one) for one in claims)
    )


def ledger_sections(content: Mapping[str, Any]) -> Iterator[Section]:
    """Sections of `ledger.json`; what was said of the comparisons comes last, being long."""
    claims = content["claims"]
    rows = tuple(
        Row(str(one["claim"]), tuple(Cell(str(one.get(key) or MISSING)) for key, _ in _COLUMNS)) for one in claims
    )
    columns = tuple(Column(title) for _, title in _COLUMNS)
    yield Section(2, "Every claim", Table("claims", "Claims and verdicts", "Claim", columns, (Block("", rows),)), ())
    yield Section(2, "Why", None, ())
    for one in claims:
        said = (("Where", one["locator"]), ("At the paper's scale", f"{one['paper_verdict']}. {one['paper_why']}"))
        mini = (("In the mini world", f"{one['mini_verdict']}. {one['mini_why']}"),) if one.get("mini_verdict") else ()
        yield Section(3, str(one["claim"]), None, (*said, *mini))
    told = tuple(("", str(one)) for one in content.get("told", ()))
    yield Section(2, f"What the {content.get('family', '')} comparisons allowed for", None, told)
