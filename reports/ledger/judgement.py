"""Verdicts on claims: how several are combined, and what the paper's own numbers say before anything is run.

The rules are ours. The two scales are never mixed: `paper` is what the paper's own numbers, the released files and
results on its models and data say; `mini` is what a tiny network in a generated world did, which says nothing about
Qwen2.5-VL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.comparison.statistics import Verdict
from reports.audit.agreement import agrees, expected, printed
from reports.audit.grim import impossible
from reports.audit.paper import Claim, PaperCell, PaperCells, Quantifier, QuotedFigure, by_address, percent
from reports.audit.report import Finding

ClaimVerdict = Literal[
    "confirmed", "not confirmed", "contradicted", "underpowered", "not testable without the real data", "none"
]

MEANINGS: dict[ClaimVerdict, str] = {
    "confirmed": "shown by the test named, in the direction claimed",
    "not confirmed": "tested, and not shown; or what was released does not show it",
    "contradicted": "the test shows the opposite, or the paper's own numbers do",
    "underpowered": "too few questions, videos or training runs to show a difference that matters",
    "not testable without the real data": "needs the paper's models and data, which cannot be downloaded automatically",
    "none": "nothing at this scale bears on it",
}
UNTESTABLE: ClaimVerdict = "not testable without the real data"
_OF_COMPARISON: dict[Verdict, ClaimVerdict] = {
    "better": "confirmed",
    "worse": "contradicted",
    "no detectable difference": "not confirmed",
    "underpowered": "underpowered",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one claim at one scale."""

    verdict: ClaimVerdict
    why: str
    """What was done and the result, with numbers."""


NONE = Judgement("none", "Nothing at this scale bears on it.")


def of_comparison(word: Verdict, of_these_weights: bool = False) -> ClaimVerdict:
    """Verdict on the claim that a method is better, from that of a comparison.

    A result about the compared weights alone counts as underpowered: a claim is about a method.
    """
    return "underpowered" if of_these_weights else _OF_COMPARISON[word]


def of_interval(low: float | None, high: float | None) -> ClaimVerdict:
    """Verdict on the claim that a value is above 0, from its interval; not confirmed without one."""
    if low is None or high is None:
        return "not confirmed"
    return "confirmed" if low > 0 else "contradicted" if high < 0 else "not confirmed"


def combined(verdicts: Sequence[ClaimVerdict], quantifier: Quantifier = "all") -> ClaimVerdict:
    """The verdict on a claim about several comparisons.

    `all`: confirmed where all are; contradicted where any is; else underpowered where any is; else not confirmed.
    `most`: confirmed or contradicted where more than half are; else not confirmed.
    """
    if not verdicts:
        return "none"
    if quantifier == "most":
        ends: tuple[ClaimVerdict, ...] = ("confirmed", "contradicted")
        return next((word for word in ends if 2 * verdicts.count(word) > len(verdicts)), "not confirmed")
    if all(word == "confirmed" for word in verdicts):
        return "confirmed"
    worst: tuple[ClaimVerdict, ...] = ("contradicted", "underpowered")
    return next((word for word in worst if word in verdicts), "not confirmed")


@dataclass(frozen=True, eq=False)
class PaperEvidence:
    """The paper's numbers and what the audit found in them."""

    cells: PaperCells
    figures: Mapping[str, QuotedFigure]
    findings: Mapping[str, Finding]
    sizes: Mapping[str, int]
    """Questions of each benchmark, inferred."""


def judged(claim: Claim, papers: PaperEvidence) -> Judgement:
    """The judgement at the paper's scale from print alone, with the findings that a claim names or that name it."""
    named = () if claim.kind == "quoted" else claim.evidence
    ids = dict.fromkeys((*named, f"statements.{claim.id}", f"resolution.{claim.id}"))
    found = [papers.findings[id_] for id_ in ids if id_ in papers.findings]
    if claim.kind == "quoted":
        made = _quoted(claim, papers)
    elif claim.kind in ("higher", "gain"):
        made = _comparison(claim, papers)
    elif claim.kind == "row":
        made = _row(claim, papers)
    elif claim.kind != "words" or not found:
        made = Judgement(UNTESTABLE, "Nothing in the paper's numbers bears on it.")
    elif any(one.strength == "counted" for one in found):
        made = Judgement("contradicted", "By the paper's own numbers or its release.")
    else:
        made = Judgement("not confirmed", "What was printed or released does not show it.")
    return Judgement(made.verdict, made.why + "".join(f" Audit ({one.strength}): {one.title}." for one in found))


def _quoted(claim: Claim, papers: PaperEvidence) -> Judgement:
    known = by_address(papers.cells)
    figures = [papers.figures[id_] for id_ in claim.evidence]
    wrong = [
        f"{percent(one.hundredths)} where the tables have {percent(expected(one, known))}"
        for one in figures
        if not agrees(one, known)
    ]
    if not wrong:
        why = f"All {len(figures)} figures agree with the tables; this does not test the tables."
        return Judgement(UNTESTABLE, why)
    why = f"By the paper's own tables, {len(wrong)} of {len(figures)} figures differ: {'; '.join(wrong)}."
    return Judgement("contradicted", why)


def _comparison(claim: Claim, papers: PaperEvidence) -> Judgement:
    of = printed(claim, by_address(papers.cells))
    held = f"As printed, {sum(one.hundredths > 0 for one in of)} of {len(of)} differences support it."
    if f"statements.{claim.id}" in papers.findings:
        return Judgement("contradicted", f"By the paper's own tables. {held}")
    if f"resolution.{claim.id}" in papers.findings:
        return Judgement("underpowered", f"{held} Most are smaller than this many questions can resolve.")
    return Judgement(UNTESTABLE, held)


def row_cells(claim: Claim, cells: PaperCells) -> list[PaperCell]:
    """Cells of the row of a table that a claim of kind `row` is about."""
    table = 2 if claim.id.startswith("table2") else 1
    return [cell for cell in cells if cell.address[:3] == (table, claim.models[0], claim.left[0])]


def _row(claim: Claim, papers: PaperEvidence) -> Judgement:
    """GRIM on a row's cells at the inferred number of questions."""
    of = row_cells(claim, papers.cells)
    wrong = [
        cell.shown
        for name, n in papers.sizes.items()
        for cell in impossible([one for one in of if one.benchmark == name], n)
    ]
    sizes = ", ".join(f"{n:,}" for n in papers.sizes.values())
    told = f"GRIM at N = {sizes}: {len(wrong)} of {len(of)} cells are not possible"
    return Judgement(UNTESTABLE, f"{told}{': ' if wrong else ''}{', '.join(wrong)}.")
