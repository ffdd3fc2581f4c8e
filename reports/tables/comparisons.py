"""Every method against GRPO with a verdict, a table a model: what `anatomy-r1 compare` says of the same results."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.comparison import report_tables as rows
from anatomy_r1.comparison.compare import compare, family_of
from anatomy_r1.comparison.outcome import Outcome, system_scores
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.report import document
from anatomy_r1.comparison.systems import System, run_of_result, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.document import Document
from reports.scores.names import BASELINE, MODELS, is_view, rank
from reports.scores.notes import USE, made_from, warning
from reports.scores.scores import AVG, scores

_DIFFERENT = ("prompts", "seeds")
"""What methods may differ in here: SFT is asked for the answer alone, and not every method ran under every seed."""


def comparisons(results: Sequence[Result]) -> tuple[Document, ...]:
    """A report a model, in the paper's order, over its results in the matched arm.

    Raises:
        AnatomyR1Error: when GRPO ran for no model beside another method, or the results cannot be compared.
    """
    kept = [result for result in results if result.arm == MATCHED and not is_view(result.method)]
    names = sorted({result.model for result in kept}, key=lambda name: rank(MODELS, name))
    found = tuple(_of_model(name, [result for result in kept if result.model == name]) for name in names)
    if not any(found):
        raise AnatomyR1Error(f"nothing to compare: no model has {BASELINE} and another method in the matched arm")
    return tuple(report for report in found if report is not None)


def _of_model(model: str, results: Sequence[Result]) -> Document | None:
    with_baseline = {result.benchmark for result in results if result.method == BASELINE}
    kept = [result for result in results if result.benchmark in with_baseline]
    ordered = sorted(kept, key=lambda result: (result.method != BASELINE, result.key))
    named = systems([run_of_result(result, result.key, None) for result in ordered])
    if len({system.name for system in named}) <= len(with_baseline):
        return None
    outcome = _outcome(named)
    shown = document(outcome)
    tables = (rows.verdict_table(outcome), rows.metrics_table(outcome), rows.categories_table(outcome))
    kept_notes = [note for note in shown.notes if not note.startswith("Compared by code")]
    notes = (*kept_notes, made_from(kept, scores(kept)), USE)  # the code's own commit would change the page's bytes
    return Document(f"Comparisons with GRPO: {model}", warning(kept), tables, notes)


def _outcome(named: Sequence[System]) -> Outcome:
    found = panels(tuple(named), _DIFFERENT, False)
    family = family_of(found, AVG)
    return Outcome(
        panels=found,
        comparisons=compare(found, family, seed=0),
        scores=tuple(score for panel in found for score in system_scores(panel, family.metric)),
        family=family,
        declaration=None,
        code="",
    )
