"""Statements about training curves (Figs. 1, 2, 5, 6), as `python -m reports` computes them from training logs.

The file is `figure_statements.csv`: of each statement its figure, name, benchmark, model, quantity, estimate with
interval over seeds, and verdict. A claim names the statements that bear on it (`curves` in `claims.csv`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from reports.audit.claims import Claim
from reports.ledger.compared import Scale, ours
from reports.ledger.judgement import NONE, Judgement, Verdict, combined
from reports.scores.names import MINI, benchmark_title, model_title

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
        cure = f"name figure_statements.csv, with the columns {', '.join(COLUMNS)}"
        raise AnatomyR1Error(f"{path}: no statements of figures ({error}). Cure: {cure}") from error


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
    if not low or not high:
        return f"{float(estimate):+.3f} [no interval]"
    return f"{float(estimate):+.3f} [{float(low):+.3f}, {float(high):+.3f}]"


def judged(claim: Claim, statements: Sequence[Statement], scale: Scale) -> Judgement:
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
