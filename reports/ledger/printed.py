"""What the paper's own numbers and the audit say about a claim, before anything is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.audit.cells import PaperCells, by_address, percent
from reports.audit.claims import Claim, printed
from reports.audit.finding import Finding
from reports.audit.grim import impossible
from reports.audit.prose import QuotedFigure, agrees, expected
from reports.ledger.judgement import ClaimVerdict, Judgement

UNTESTABLE: ClaimVerdict = "not testable without the real data"


@dataclass(frozen=True, eq=False)
class PaperEvidence:
    """The paper's numbers and what the audit found in them."""

    cells: PaperCells
    figures: Mapping[str, QuotedFigure]
    findings: Mapping[str, Finding]
    sizes: Mapping[str, int]
    """Questions of each benchmark, inferred."""


def judged(claim: Claim, papers: PaperEvidence) -> Judgement:
    """The judgement at the paper's scale from print alone."""
    remarks = "".join(f" Audit ({one.strength}): {one.title}." for one in _evidence(claim, papers))
    found = _of_kind(claim, papers)
    return Judgement(found.verdict, found.why + remarks)


def _of_kind(claim: Claim, papers: PaperEvidence) -> Judgement:
    if claim.kind == "quoted":
        return _quoted(claim, papers)
    if claim.kind in ("higher", "gain"):
        return _comparison(claim, papers)
    if claim.kind == "row":
        return _row(claim, papers)
    return _words(claim, papers)


def _evidence(claim: Claim, papers: PaperEvidence) -> list[Finding]:
    """Findings that a claim names, and those named after it."""
    named = () if claim.kind == "quoted" else claim.evidence
    ids = dict.fromkeys((*named, f"statements.{claim.id}", f"resolution.{claim.id}"))
    return [papers.findings[id_] for id_ in ids if id_ in papers.findings]


def _quoted(claim: Claim, papers: PaperEvidence) -> Judgement:
    known = by_address(papers.cells)
    figures = [papers.figures[id_] for id_ in claim.evidence]
    wrong = [one for one in figures if not agrees(one, known)]
    if not wrong:
        return Judgement(
            UNTESTABLE, f"All {len(figures)} figures agree with the tables; this does not test the tables."
        )
    told = "; ".join(
        f"{percent(one.hundredths)} where the tables have {percent(expected(one, known))}" for one in wrong
    )
    return Judgement(
        "contradicted", f"By the paper's own tables, {len(wrong)} of {len(figures)} figures differ: {told}."
    )


def _comparison(claim: Claim, papers: PaperEvidence) -> Judgement:
    of = printed(claim, by_address(papers.cells))
    held = f"As printed, {sum(one.hundredths > 0 for one in of)} of {len(of)} differences support it."
    if f"statements.{claim.id}" in papers.findings:
        return Judgement("contradicted", f"By the paper's own tables. {held}")
    if f"resolution.{claim.id}" in papers.findings:
        return Judgement("underpowered", f"{held} Most are smaller than this many questions can resolve.")
    return Judgement(UNTESTABLE, held)


def _row(claim: Claim, papers: PaperEvidence) -> Judgement:
    """GRIM on a row's cells at the inferred number of questions."""
    table = 2 if claim.id.startswith("table2") else 1
    of = [c for c in papers.cells if c.address[:3] == (table, claim.models[0], claim.left[0])]
    wrong = [
        cell for name, n in papers.sizes.items() for cell in impossible([one for one in of if one.benchmark == name], n)
    ]
    sizes = ", ".join(f"{n:,}" for n in papers.sizes.values())
    told = f"GRIM at N = {sizes}: {len(wrong)} of {len(of)} cells are not possible"
    return Judgement(UNTESTABLE, f"{told}{': ' + ', '.join(cell.shown for cell in wrong) if wrong else ''}.")


def _words(claim: Claim, papers: PaperEvidence) -> Judgement:
    """Any other claim is untested, unless a finding that it names contradicts it."""
    found: Sequence[Finding] = _evidence(claim, papers)
    if claim.kind != "words" or not found:
        return Judgement(UNTESTABLE, "Nothing in the paper's numbers bears on it.")
    if any(one.strength == "counted" for one in found):
        return Judgement("contradicted", "By the paper's own numbers or its release.")
    return Judgement("not confirmed", "What was printed or released does not show it.")
