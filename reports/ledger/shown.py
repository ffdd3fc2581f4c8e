"""The audit and the ledger of a site: those of the results that are shown, and marked where they are not about a run.

The audit is about the paper's printed numbers, so it is the same for every run. The ledger also says what the results
show: it is read where it was made from these results, and otherwise computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import Document
from reports.audit.audit import audit
from reports.audit.report import document as audit_document
from reports.audit.report import load
from reports.ledger.ledger import document as ledger_document
from reports.ledger.ledger import ledger, read_document
from reports.ledger.measured import load_curves

ABOUT_THE_PAPER = "This page is about the paper's printed numbers and released files, not about the results shown here."
STATEMENTS = "figure_statements.csv"


@dataclass(frozen=True)
class Claims:
    """What is shown of the paper's claims, and what could not be made."""

    documents: tuple[tuple[str, str, Document], ...]
    """Name, caveat, document."""
    absent: tuple[tuple[str, str], ...]
    """Title and reason."""


def claims(store: Path, artefacts: Sequence[Path], audited: Path, committed: bool) -> Claims:
    """The audit and the ledger, as far as no file among `artefacts` has them.

    `audited` is the folder of the committed audit; its ledger is that of the committed store, where `committed` says
    that this is the one.
    """
    checks = load(audited / "audit.json") if (audited / "audit.json").is_file() else audit()
    made: list[tuple[str, str, Document]] = []
    absent: list[tuple[str, str]] = []
    if not _given(artefacts, "audit.json"):
        made.append(("audit", ABOUT_THE_PAPER, audit_document(checks)))
    if not _given(artefacts, "ledger.json"):
        known = audited / "ledger.json"
        if committed and known.is_file():
            made.append(("ledger", "", read_document(known)))
        else:
            curves = _given(artefacts, STATEMENTS)
            try:
                of_store = ledger(store, checks, load_curves(curves) if curves else ())
                made.append(("ledger", "", ledger_document(of_store)))
            except AnatomyR1Error as error:
                absent.append(("Ledger", str(error)))
    return Claims(tuple(made), tuple(absent))


def _given(folders: Sequence[Path], name: str) -> Path | None:
    """The first file of that name in the folders or one folder below, as `reports.site.artefacts` looks for them."""
    found = (path for folder in folders for pattern in (name, f"*/{name}") for path in sorted(folder.glob(pattern)))
    return next(found, None)
