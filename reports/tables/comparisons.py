"""Every method against GRPO with a verdict, a report for each model: the tables of `anatomy-r1 compare`."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.comparison.compare import compare, family_of
from anatomy_r1.comparison.outcome import Outcome, system_scores
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.report import document
from anatomy_r1.comparison.report_tables import categories_table, metrics_table, verdict_table
from anatomy_r1.comparison.systems import System, run_of_result, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Report
from reports.scores.names import BASELINE, MODELS, is_view, rank
from reports.scores.notes import USE, made_from, warning
from reports.scores.scores import AVG, scores

_DIFFERENT = ("prompts", "seeds")
"""What the compared systems may differ in: SFT is asked for the answer alone, and not every method ran every seed."""


def comparisons(results: Sequence[Result]) -> tuple[Report, ...]:
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


def _report(model: str, results: Sequence[Result]) -> Report | None:
    with_baseline = {result.benchmark for result in results if result.method == BASELINE}
    kept = [result for result in results if result.benchmark in with_baseline]
    ordered = sorted(kept, key=lambda result: (result.method != BASELINE, result.key))
    found = systems([run_of_result(result, result.key, None) for result in ordered])
    if len({system.name for system in found}) <= len(with_baseline):
        return None
    outcome = _outcome(found)
    # The commit of the comparing code is left out: it would change the page's bytes with every commit.
    notes = [note for note in document(outcome).notes if not note.startswith("Compared by code")]
    return Report(
        f"Comparisons with GRPO: {model}",
        warning(kept),
        (verdict_table(outcome), metrics_table(outcome), categories_table(outcome)),
        (*notes, made_from(kept, scores(kept)), USE),
    )


def _outcome(found: Sequence[System]) -> Outcome:
    panels_ = panels(tuple(found), _DIFFERENT, False)
    family = family_of(panels_, AVG)
    return Outcome(
        panels=panels_,
        comparisons=compare(panels_, family, seed=0),
        scores=tuple(score for panel in panels_ for score in system_scores(panel, family.metric)),
        family=family,
        declaration=None,
        code="",
    )
