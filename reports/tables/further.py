"""Costs as tables: steps and tokens beside the scores, and a report of its own for what differs between reruns.

A rerun of a seed on the same machine repeats steps and rollout tokens exactly, but not seconds. These stay out of
Tables 1 and 2, which are compared byte by byte.

Controls without a model beside the untrained model: the accuracy that any method has to beat.

Every method against GRPO with a verdict, a report for each model: the tables of `anatomy-r1 compare`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.comparison import report_tables
from anatomy_r1.comparison.compare import analyse, undeclared_family
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.report import document
from anatomy_r1.comparison.systems import SystemRun, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.document import Document
from anatomy_r1.tables.table import Cell, Table
from reports.scores.cost import Amount, Cost, costs
from reports.scores.names import BASELINE, CONTROLS, MODELS, is_view, rank
from reports.scores.notes import USE, Marks, leakage_notes, machines, made_from, marks, notes, unfit_notes, warning
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, by_key, scores
from reports.tables.breakdowns import categories_table
from reports.tables.rows import accuracy_block, accuracy_columns, benchmarks, models, number, row_names, system_table

_MEAN = (
    "Mean over training seeds. In parentheses: including the training that the method started from, where the store "
    "has it."
)
_UNKNOWN = "— = not run, or not recorded."
_ELSEWHERE = "Seconds, and tokens of evaluation: cost.txt and cost.csv."
_TOKENS = (
    "rollout tokens: sampled in training, including discarded draws. evaluation tokens: of all six responses to a "
    "question."
)


def training_cost_table(
    found: Mapping[ScoreKey, Score], spent: Mapping[SystemKey, Cost], shown: Sequence[str], marks: Marks
) -> Table:
    """Optimiser steps and rollout tokens of each method beside its Avg@5, for the benchmarks `shown`."""

    def cells(system: SystemKey) -> list[Cell] | None:
        cost = spent.get(system)
        return [_average(found, system), _amount(cost.steps), _amount(cost.rollout_tokens)] if cost else None

    return system_table(
        "cost",
        "Training cost: optimiser steps and tokens sampled in training",
        ("Avg@5", "steps", "rollout tokens"),
        cells,
        found=found,
        shown=shown,
        marks=marks,
        notes=(f"{_MEAN} {_UNKNOWN} {_ELSEWHERE}",),
    )


def cost_report(
    results: Sequence[Result],
    found: Mapping[ScoreKey, Score] | None = None,
    spent: Mapping[SystemKey, Cost] | None = None,
) -> Document:
    """All recorded costs, including seconds; differs from run to run.

    Args:
        results: results to show.
        found: their scores, if known already.
        spent: costs, if known already; a method may have started from a training that is not among `results`.

    Raises:
        AnatomyR1Error: as `scores`, or when there are no results.
    """
    if not results:
        raise AnatomyR1Error("no results: the store is empty. Run `tox -e reproduce-table1` first")
    found = found or by_key(scores(results))
    notes = (
        _MEAN,
        _UNKNOWN,
        _TOKENS,
        *leakage_notes(found.values()),
        f"Seconds: wall-clock time on {machines(results)}, which may have done other work as well.",
        made_from(results, found.values()),
        USE,
    )
    title = f"Anatomy-R1, costs: profile {results[0].profile}"
    return Document(title, warning(results), (_full_table(found, spent or costs(results), marks(results)),), notes)


def _full_table(found: Mapping[ScoreKey, Score], spent: Mapping[SystemKey, Cost], marks: Marks) -> Table:
    def cells(system: SystemKey) -> list[Cell] | None:
        cost = spent.get(system)
        if cost is None:
            return None
        return [
            _average(found, system),
            _amount(cost.steps),
            _amount(cost.rollout_tokens),
            _amount(cost.training_seconds, 1),
            Cell(number(cost.evaluation_tokens)),
            Cell(number(cost.evaluation_seconds, 1)),
            Cell(str(cost.seeds)),
        ]

    return system_table(
        "costs",
        "Cost of training and evaluation",
        ("Avg@5", "steps", "rollout tokens", "training s", "evaluation tokens", "evaluation s", "seeds"),
        cells,
        found=found,
        shown=benchmarks(found, always=()),
        marks=marks,
    )


def _average(found: Mapping[ScoreKey, Score], system: SystemKey) -> Cell:
    return Cell(found[system, AVG, ALL].shown())


def _amount(amount: Amount, decimals: int = 0) -> Cell:
    """Own cost and, for a method that started from another, in parentheses the whole, or a dash if unknown."""
    aside = f"({number(amount.whole, decimals)})" if amount.continued and amount.own is not None else ""
    return Cell(number(amount.own, decimals), aside)


UNTRAINED = "zero-shot"
_READING = (
    "Controls see no image and ask no model (docs/controls.md); Zero-Shot is the untrained model. A method that does "
    "not beat all of them has not been shown to use the image."
)


def untrained_report(results: Sequence[Result]) -> Document:
    """Controls and the untrained model, by benchmark and by anatomy or question type; pure.

    Raises:
        AnatomyR1Error: when no control ran.
    """
    plain = [result for result in results if result.arm == MATCHED and not is_view(result.method)]
    kept = [result for result in plain if _is_control(result) or result.method == UNTRAINED]
    if not any(_is_control(result) for result in kept):
        raise AnatomyR1Error("no control ran. Run `tox -e reproduce-table1` with --methods control-majority")
    found, known = by_key(scores(kept)), marks(kept)
    shown = benchmarks(found)
    blocks = tuple(
        accuracy_block(found, model, row_names(found, model), shown, table=1, marks=known) for model in models(found)
    )
    title = "Controls and the untrained model, in percent"
    table = Table("untrained", title, "Row", accuracy_columns(shown), blocks, (_READING,))
    return Document(
        f"Anatomy-R1, controls: profile {results[0].profile}",
        warning(kept),
        (table, categories_table(found, known)),
        (*unfit_notes(kept), *notes(kept, found.values(), 1)),
    )


def _is_control(result: Result) -> bool:
    return result.method in CONTROLS or result.method.startswith("control-")


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
    tables = tuple(
        make(analysis)
        for make in (report_tables.verdict_table, report_tables.metrics_table, report_tables.categories_table)
    )
    kept_notes = [note for note in shown.notes if not note.startswith("Compared by code")]
    notes = (*kept_notes, made_from(kept, scores(kept)), USE)  # the code's own commit would change the page's bytes
    return Document(f"Comparisons with GRPO: {model}", warning(kept), tables, notes)
