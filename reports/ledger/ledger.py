"""The ledger: claims, a result store and an audit in, one row for each claim out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result, load_results
from reports.audit.audit import Paper, findings, load_paper, sizes
from reports.audit.claims import Claim, ClaimKind
from reports.audit.finding import Check
from reports.ledger import printed
from reports.ledger.judgement import NONE, Judgement
from reports.ledger.measured import (
    NO_COMPARISONS,
    CurveStatement,
    Measurements,
    Scale,
    compared,
    judged_by_curves,
    measured,
)
from reports.scores.names import is_mini
from reports.scores.notes import commits
from reports.scores.scores import scores

_NOTHING: dict[ClaimKind, str] = {
    "row": "Not run.",
    "quoted": "Figures of the paper's own; claims that compare have their own rows.",
    "higher": "Not run.",
    "gain": "Not run.",
    "uneven": "Not run.",
    "curve": "No statement about training curves bears on it, or none were given (--curves FILE).",
    "words": "Nothing to test here.",
}
"""Kind of claim -> reason for having no verdict."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One claim with its two judgements."""

    id: str
    locator: str
    """Where it is made in the paper."""
    kind: ClaimKind
    claim: str
    """In our words."""
    paper: Judgement
    """At the paper's scale: its numbers, its release, and results on its models and data where there are any."""
    mini: Judgement
    """In the mini world; it says nothing about Qwen2.5-VL."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that is printed."""

    rows: tuple[LedgerRow, ...]
    family: int
    """Comparisons tested together in the mini world."""
    told: tuple[str, ...]
    """What differs between the systems that were compared."""
    skipped: tuple[str, ...]
    """Audit checks that were skipped."""
    commits: tuple[str, ...]
    """Of the results."""


def ledger(
    store: Path, checks: Sequence[Check], statements: Sequence[CurveStatement] = (), paper: Paper | None = None
) -> Ledger:
    """Every claim.

    Args:
        store: result store, of any profile.
        checks: an audit, of the paper's numbers at least.
        statements: about training curves.
        paper: the paper as data (default: the files of this project).

    Raises:
        AnatomyR1Error: when the store does not exist, or holds what cannot be compared.
    """
    if not store.is_dir():
        raise AnatomyR1Error(f"{store}: no such folder. Fix: name a result store, for example results/mini/store")
    paper, results = paper or load_paper(), load_results(store)
    made = {scale: _made(store, results, paper.claims, scale) for scale in ("paper", "mini")}
    papers = printed.PaperEvidence(
        paper.cells,
        {one.id: one for one in paper.figures},
        {finding.id: finding for finding in findings(checks)},
        sizes(paper.cells),
    )
    rows = tuple(_row(claim, papers, made, statements) for claim in paper.claims)
    mini = made["mini"].comparisons
    skipped = tuple(check.title for check in checks if check.skipped)
    return Ledger(rows, mini.family, mini.told, skipped, tuple(commits(results)))


def _made(store: Path, results: Sequence[Result], claims: Sequence[Claim], scale: Scale) -> Measurements:
    """Comparisons and scores of the results at one scale."""
    of = [result for result in results if is_mini(result.benchmark) == (scale == "mini")]
    if not of:
        return Measurements(NO_COMPARISONS, {})
    found = {(score.system, score.metric, score.category): score for score in scores(of)}
    return Measurements(compared(store, claims, scale), found)


def _row(
    claim: Claim,
    papers: printed.PaperEvidence,
    made: dict[str, Measurements],
    statements: Sequence[CurveStatement],
) -> LedgerRow:
    of_print, run = printed.judged(claim, papers), _run(claim, made["paper"], statements, "paper")
    # Measurements on the paper's models and data outrank the printed numbers, unless those contradict themselves.
    paper = of_print if run.verdict == "none" or of_print.verdict == "contradicted" else _joined(run, of_print)
    mini = _run(claim, made["mini"], statements, "mini")
    return LedgerRow(claim.id, claim.locator, claim.kind, claim.text, paper, mini)


def _run(claim: Claim, made: Measurements, statements: Sequence[CurveStatement], scale: Scale) -> Judgement:
    """The judgement from curves or results at one scale; where there is neither, the reason."""
    found = judged_by_curves(claim, statements, scale)
    if found.verdict == "none" and claim.kind != "curve":
        found = measured(claim, made, scale)
    return found if found != NONE else Judgement("none", _NOTHING[claim.kind])


def _joined(run: Judgement, of_print: Judgement) -> Judgement:
    return Judgement(run.verdict, f"{run.why} {of_print.why}")
