"""Every method against GRPO with a verdict, a report for each model: the tables of `anatomy-r1 compare`."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.comparison.compare import analyse, undeclared_family
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.report import categories_table, document, metrics_table, verdict_table
from anatomy_r1.comparison.systems import SystemRun, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Document
from reports.scores.names import BASELINE, MODELS, is_view, rank
from reports.scores.notes import USE, made_from, warning
from reports.scores.scores import AVG, scores

_DIFFERENT = ("prompts", "seeds")
"""What the compared systems may differ in: SFT is asked for the answer alone, and not every method ran every seed."""


def comparisons(results: Sequence[Result]) -> tuple[Document, ...]:
    """A report for each model, in the paper's order, from its results in the matched arm.

    Raises:
        AnatomyR1Error: when no model has results of both GRPO and another method, or they cannot be compared.
    """
    kept = [result for result in results if result.arm == MATCHED and not is_view(result.method)]
    names = sorted({result.model for result in kept}, key=lambda name: rank(MODELS, name))
    found = [_report(name, [result for result in kept if result.model == name]) for name in names]
    if not any(found):
        raise AnatomyR1Error(f"nothing to compare: no model has {BASELINE} and another method in the matched arm")
    return tuple(report for report in found if report is not None)


def _report(model: str, results: Sequence[Result]) -> Document | None:
    with_baseline = {result.benchmark for result in results if result.method == BASELINE}
    kept = [result for result in results if result.benchmark in with_baseline]
    ordered = sorted(kept, key=lambda result: (result.method != BASELINE, result.key))
    named = systems([SystemRun.from_result(result, result.key) for result in ordered])
    if len({system.name for system in named}) <= len(with_baseline):
        return None
    found = panels(named, _DIFFERENT)
    analysis = analyse(found, undeclared_family(found, AVG))
    shown = document(analysis)
    tables = (verdict_table(analysis), metrics_table(analysis), categories_table(analysis))
    kept_notes = [note for note in shown.notes if not note.startswith("Compared by code")]
    notes = (*kept_notes, made_from(kept, scores(kept)), USE)  # the code's own commit would change the page's bytes
    return Document(f"Comparisons with GRPO: {model}", warning(kept), tables, notes)
