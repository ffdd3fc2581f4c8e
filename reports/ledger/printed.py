"""What the paper's own numbers and the audit say of a claim, before anything is run.

Statements about training curves (Figs. 1, 2, 5, 6), as `python -m reports` computes them from training logs.

The file is `figure_statements.csv`: of each statement its figure, name, benchmark, model, quantity, estimate with
interval over seeds, and verdict. A claim names the statements that bear on it (`curves` in `claims.csv`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import with_interval
from reports.audit.cells import Cells, by_address, percent
from reports.audit.claims import Claim, printed
from reports.audit.finding import Finding
from reports.audit.grim_check import impossible
from reports.audit.prose import Quoted, agrees, expected
from reports.ledger.judgement import NONE, Judgement, Verdict, combined
from reports.ledger.measured import Scale, ours
from reports.scores.names import MINI, benchmark_title, model_title

UNTESTABLE: Verdict = "not testable without the real data"


@dataclass(frozen=True, eq=False)
class Papers:
    """The paper's numbers and what the audit found in them."""

    cells: Cells
    figures: Mapping[str, Quoted]
    findings: Mapping[str, Finding]
    sizes: Mapping[str, int]
    """Questions of each benchmark, inferred."""


def judged(claim: Claim, papers: Papers) -> Judgement:
    """At paper scale, from print alone."""
    remarks = "".join(f" Audit ({one.strength}): {one.title}." for one in _evidence(claim, papers))
    found = _of_kind(claim, papers)
    return Judgement(found.verdict, found.why + remarks)


def _of_kind(claim: Claim, papers: Papers) -> Judgement:
    if claim.kind == "quoted":
        return _quoted(claim, papers)
    if claim.kind in ("higher", "gain"):
        return _comparison(claim, papers)
    if claim.kind == "row":
        return _row(claim, papers)
    return _words(claim, papers)


def _evidence(claim: Claim, papers: Papers) -> list[Finding]:
    """Findings that a claim names, and those that are about it by their name."""
    named = () if claim.kind == "quoted" else claim.evidence
    ids = dict.fromkeys((*named, f"statements.{claim.id}", f"resolution.{claim.id}"))
    return [papers.findings[id_] for id_ in ids if id_ in papers.findings]


def _quoted(claim: Claim, papers: Papers) -> Judgement:
    known = by_address(papers.cells)
    figures = [papers.figures[id_] for id_ in claim.evidence]
    wrong = [one for one in figures if not agrees(one, known)]
    if not wrong:
        return Judgement(
            UNTESTABLE, f"All {len(figures)} figures agree with the tables; that says nothing of the tables."
        )
    told = "; ".join(f"{percent(one.hundredths)} where they have {percent(expected(one, known))}" for one in wrong)
    return Judgement("contradicted", f"By the paper's own tables, {len(wrong)} of {len(figures)} figures: {told}.")


def _comparison(claim: Claim, papers: Papers) -> Judgement:
    of = printed(claim, by_address(papers.cells))
    held = f"As printed, {sum(one.hundredths > 0 for one in of)} of {len(of)} differences bear it out."
    if f"statements.{claim.id}" in papers.findings:
        return Judgement("contradicted", f"By the paper's own tables. {held}")
    if f"resolution.{claim.id}" in papers.findings:
        return Judgement("underpowered", f"{held} Most are smaller than so many questions can resolve.")
    return Judgement(UNTESTABLE, held)


def _row(claim: Claim, papers: Papers) -> Judgement:
    """A row's cells; with what GRIM says of them at the number of questions inferred."""
    table = 2 if claim.id.startswith("table2") else 1
    of = [c for c in papers.cells if c.address[:3] == (table, claim.models[0], claim.left[0])]
    wrong = [
        cell for name, n in papers.sizes.items() for cell in impossible([one for one in of if one.benchmark == name], n)
    ]
    sizes = ", ".join(f"{n:,}" for n in papers.sizes.values())
    told = f"GRIM at N = {sizes}: {len(wrong)} of {len(of)} cells are not possible"
    return Judgement(UNTESTABLE, f"{told}{': ' + ', '.join(cell.shown for cell in wrong) if wrong else ''}.")


def _words(claim: Claim, papers: Papers) -> Judgement:
    """Any other claim stands untested, unless a finding that it names speaks against it."""
    found: Sequence[Finding] = _evidence(claim, papers)
    if claim.kind != "words" or not found:
        return Judgement(UNTESTABLE, "Nothing in the paper's numbers bears on it.")
    if any(one.strength == "counted" for one in found):
        return Judgement("contradicted", "By the paper's own numbers, or by its release.")
    return Judgement("not confirmed", "What was printed or released does not show it.")


COLUMNS = ("figure", "statement", "benchmark", "model", "quantity", "estimate", "low", "high", "verdict")
_WORDS: dict[str, Verdict] = {
    "as in the paper": "confirmed",
    "not resolved": "not confirmed",
    "no spread over seeds": "not confirmed",
    "no interval": "not confirmed",
    "not run": "none",
    "contradicts the paper": "contradicted",
    "no claim": "none",
}
"""How a verdict on a statement begins -> ours."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, on one benchmark and model."""

    name: str
    """Figure and statement, `5 asc-rises`."""
    benchmark: str
    model: str
    quantity: str
    numbers: str
    """Estimate and interval, as the file has them."""
    verdict: Verdict


def load(path: Path) -> tuple[Statement, ...]:
    """Read the file.

    Raises:
        AnatomyR1Error: when it is missing, or a line is no statement.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return tuple(_statement(row) for row in csv.DictReader(handle))
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        fix = f"name figure_statements.csv, with the columns {', '.join(COLUMNS)}"
        raise AnatomyR1Error(f"{path}: no statements of figures ({error}). Fix: {fix}") from error


def _statement(row: Mapping[str, str]) -> Statement:
    name = f"{row['figure']} {row['statement']}"
    numbers = _numbers(row["estimate"], row["low"], row["high"])
    verdict = next((ours_ for word, ours_ in _WORDS.items() if row["verdict"].startswith(word)), None)
    if verdict is None:
        raise ValueError(f"{name}: no such verdict as {row['verdict']!r}")
    return Statement(name, row["benchmark"], row["model"], row["quantity"], numbers, verdict)


def _numbers(estimate: str, low: str, high: str) -> str:
    """With three decimals; one seed has no interval, and what did not run has no number."""
    if not estimate:
        return "no number"
    bounds = (float(bound) if bound else None for bound in (low, high))
    return with_interval(float(estimate), *bounds, spec="+.3f")


def judged_by_curves(claim: Claim, statements: Sequence[Statement], scale: Scale) -> Judgement:
    """Of one claim, over its models and benchmarks; `NONE` where no statement bears on it."""
    suffix = MINI if scale == "mini" else ""
    models = {ours(model, scale) for model in claim.models}
    benchmarks = {benchmark + suffix for benchmark in claim.benchmarks}
    of = [s for s in statements if s.name in claim.curves and s.model in models and s.benchmark in benchmarks]
    verdicts = [one.verdict for one in of if one.verdict != "none"]
    if not verdicts:
        return NONE
    told = "; ".join(f"{_where(one)}: {one.quantity}: {one.numbers}, {one.verdict}" for one in of)
    return Judgement(combined(verdicts), f"From training logs, intervals over seeds. {told}.")


def _where(one: Statement) -> str:
    return f"{model_title(one.model, paper_beside=False)}, {benchmark_title(one.benchmark)}"
