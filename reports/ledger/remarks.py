"""Remarks on claims: what the audit found in a benchmark, for every claim that rests on scores there.

A verdict says whether numbers show a claim; a remark, what such numbers can show. So a remark changes no verdict. Today
only OmniMedVQA has them, for what the texts of its microscopy questions give away (`reports.audit.omnimed`). The rule
is ours: a claim rests on a benchmark if one of its printed numbers is a score there or a difference of scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.audit.agreement import printed
from reports.audit.omnimed import ABOVE_CHANCE, ABOVE_PAPER, BENCHMARK
from reports.audit.paper import Claim, PaperCells, QuotedFigure, by_address
from reports.audit.report import Finding
from reports.ledger.judgement import row_cells
from reports.scores.names import BENCHMARKS

UNTRAINED = "zero-shot"
_ALONE = (
    "A model that was not trained on such questions has not seen what their texts give away; what it scores without "
    "the images is not known."
)
_ONE = (
    "Trained on such questions, a method can learn what their texts give away: the score does not by itself show "
    "that it uses the images."
)
_GAIN = (
    "Trained on such questions, a method can learn what their texts give away; Zero-Shot was not trained on them. "
    "The gain over it does not by itself show that the method uses the images."
)
_SEVERAL = (
    "Trained on such questions, all these methods can learn what their texts give away: a difference between them "
    "can be one in how well they did, and does not by itself show that one sees more."
)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A claim's printed numbers."""

    here: int
    """On the benchmark."""
    all: int
    methods: frozenset[str]
    """Whose scores those on the benchmark are."""


def remark(
    claim: Claim, cells: PaperCells, figures: Mapping[str, QuotedFigure], findings: Mapping[str, Finding]
) -> str:
    """The remark on a claim; empty where no finding touches it, or the check was not made."""
    found = [findings[id_] for id_ in (ABOVE_CHANCE, ABOVE_PAPER) if id_ in findings]
    numbers = _numbers(claim, cells, figures)
    if not found or not numbers.here:
        return ""
    where = f"{numbers.here} of {numbers.all} printed numbers are on {BENCHMARKS[BENCHMARK]}."
    named = (f"Audit ({one.strength}): {one.title}." for one in found)
    return " ".join((where, _meaning(numbers.methods), *named))


def _meaning(methods: frozenset[str]) -> str:
    """What the finding means for numbers of these methods."""
    trained = methods - {UNTRAINED}
    if not trained:
        return _ALONE
    several = [_SEVERAL] if len(trained) > 1 else []
    return " ".join([_GAIN, *several] if UNTRAINED in methods else several or [_ONE])


def _numbers(claim: Claim, cells: PaperCells, figures: Mapping[str, QuotedFigure]) -> _Numbers:
    """Of figures quoted, of differences compared, or of the cells of a row; other kinds of claims print none."""
    if claim.kind == "quoted":
        quoted = [figures[id_] for id_ in claim.evidence]
        return _counted((one.address[3], (one.address[2], one.minus)) for one in quoted)
    if claim.kind in ("higher", "gain"):
        return _counted((one.benchmark, (one.left, one.right)) for one in printed(claim, by_address(cells)))
    if claim.kind == "row":
        return _counted((cell.benchmark, (cell.method,)) for cell in row_cells(claim, cells))
    return _counted(())


def _counted(numbers: Iterable[tuple[str, tuple[str, ...]]]) -> _Numbers:
    """From the benchmark and the methods of each number; an empty method is none."""
    every = list(numbers)
    here = [methods for benchmark, methods in every if benchmark == BENCHMARK]
    return _Numbers(len(here), len(every), frozenset(one for methods in here for one in methods if one))
