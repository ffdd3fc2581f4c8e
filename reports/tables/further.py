"""Reports besides Tables 1 and 2: all costs, comparisons of every method with GRPO, and controls without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.comparison import report as comparison_report
from anatomy_r1.comparison.compare import Analysis, analyse, undeclared_family
from anatomy_r1.comparison.headlines import headlines
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.report import document
from anatomy_r1.comparison.systems import SystemRun, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Cell, Document, Headline, Table
from reports.scores.blind import blind_notes
from reports.scores.cost import Cost, costs
from reports.scores.names import (
    BASELINE,
    BENCHMARKS,
    MINI,
    MODELS,
    benchmark_title,
    is_view,
    method_rank,
    method_title,
    rank,
)
from reports.scores.notes import USE, leakage_notes, machines, made_from, marks, notes, unfit_notes, warning
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, by_key, scores, several_bases
from reports.tables.breakdowns import MEAN_COST, UNKNOWN_COST, categories_table
from reports.tables.rows import (
    accuracy_block,
    accuracy_columns,
    amount_cell,
    benchmarks,
    models,
    number,
    row_names,
    system_table,
)

_TOKENS = (
    "rollout tokens: sampled in training, including discarded draws. evaluation tokens: of all six responses to a "
    "question."
)
_DIFFERENT = ("prompts", "seeds")
"""What the compared systems may differ in: SFT is asked for the answer alone, and not every method ran every seed."""
UNTRAINED, CONTROL = "zero-shot", "control-"
"""Id of the untrained model, and how the ids of controls without a model begin."""
_READING = (
    "Controls see no image and ask no model (docs/controls.md); Zero-Shot is the untrained model. A method that does "
    "not beat all of them has not been shown to use the image."
)


def cost_report(
    results: Sequence[Result],
    found: Mapping[ScoreKey, Score] | None = None,
    spent: Mapping[SystemKey, Cost] | None = None,
) -> Document:
    """All recorded costs, including seconds; `found` and `spent` may be passed if they are known already.

    A rerun of a seed on the same machine repeats steps and rollout tokens exactly, but not seconds. These stay out of
    Tables 1 and 2, which are compared byte by byte. `spent` may know trainings from which one in `results` started.
    """
    if not results:
        raise AnatomyR1Error("no results: the store is empty. Run `tox -e reproduce-table1` first")
    known, paid = found or by_key(scores(results)), spent or costs(results)

    ran = "runs" if several_bases(known.values()) else "seeds"

    def cells(system: SystemKey) -> list[Cell]:
        cost = paid[system]
        return [
            Cell(known[system, AVG, ALL].shown()),
            amount_cell(cost.steps),
            amount_cell(cost.rollout_tokens),
            amount_cell(cost.training_seconds, 1),
            Cell(number(cost.evaluation_tokens)),
            Cell(number(cost.evaluation_seconds, 1)),
            Cell(str(cost.seeds)),
        ]

    table = system_table(
        "costs",
        "Cost of training and evaluation",
        ("Avg@5", "steps", "rollout tokens", "training s", "evaluation tokens", "evaluation s", ran),
        cells,
        found=known,
        marks=marks(results),
    )
    below = (
        MEAN_COST,
        UNKNOWN_COST,
        _TOKENS,
        *unfit_notes(results),
        *leakage_notes(known.values()),
        *blind_notes(results, known.values()),
        f"Seconds: wall-clock time on {machines(results)}, which may have done other work as well.",
        made_from(results, known.values()),
        USE,
    )
    return Document(f"Anatomy-R1, costs: profile {results[0].profile}", warning(results), (table,), below)


def analyses(results: Sequence[Result]) -> dict[str, tuple[list[Result], Analysis]]:
    """Model -> its results in the matched arm and their comparison with GRPO, where there is one; the paper's larger
    model, which README reports, comes first.
    """
    names = sorted({result.model for result in results}, key=lambda name: rank(MODELS, name), reverse=True)
    of_model = {name: compared_with_baseline(results, name) for name in names}
    made = {name: (of, against_baseline(of)) for name, of in of_model.items()}
    return {name: (of, analysis) for name, (of, analysis) in made.items() if analysis is not None}


def compared_with_baseline(results: Sequence[Result], model: str) -> list[Result]:
    """A model's results in the matched arm, without views: their comparisons with GRPO are one family for Holm."""
    return [one for one in results if (one.model, one.arm) == (model, MATCHED) and not is_view(one.method)]


def comparisons(made: Mapping[str, tuple[Sequence[Result], Analysis]]) -> tuple[Document, ...]:
    """Every method of the matched arm against GRPO, as `anatomy-r1 compare` shows it: a report for each model.

    Raises:
        AnatomyR1Error: when no model has results of both GRPO and another method.
    """
    if not made:
        raise AnatomyR1Error(f"nothing to compare: no model has {BASELINE} and another method in the matched arm")
    return tuple(_comparison(name, results, analysis) for name, (results, analysis) in made.items())


def against_baseline(results: Sequence[Result]) -> Analysis | None:
    """Every other method of one model against GRPO, on the benchmarks that have GRPO; None if there is nothing to
    compare.
    """
    with_baseline = {result.benchmark for result in results if result.method == BASELINE}
    kept = [result for result in results if result.benchmark in with_baseline]
    ordered = sorted(kept, key=lambda result: (result.method != BASELINE, result.key))
    named = systems([SystemRun.from_result(result, result.key) for result in ordered])
    if len({system.name for system in named}) <= len(with_baseline):
        return None
    found = panels(named, _DIFFERENT)
    return analyse(found, undeclared_family(found, AVG))


def _comparison(model: str, results: Sequence[Result], analysis: Analysis) -> Document:
    kept = [result for result in results if result.benchmark in {panel.benchmark for panel in analysis.panels}]
    made = (
        comparison_report.verdict_table,
        comparison_report.metrics_table,
        comparison_report.categories_table,
    )
    # the code's own commit would change the page's bytes
    shown = [note for note in document(analysis).notes if not note.startswith("Compared by code")]
    below = (*shown, made_from(kept, scores(kept)), USE)
    tables, title = tuple(table(analysis) for table in made), f"Comparisons with GRPO: {model}"
    said = headlines_of(analysis, results)
    return Document(title, warning(kept), tables, below, lead=analysis.reservations, headlines=said)


def headlines_of(analysis: Analysis, results: Sequence[Result]) -> tuple[Headline, ...]:
    """The headlines of an analysis in the order of Table 1, with the titles of methods and benchmarks."""
    methods = {f"{one.benchmark}/{one.model}/{one.method}/{one.arm}": one for one in results}
    found = headlines(
        analysis, lambda system: method_title(methods[system.name].method, methods[system.name].arm), benchmark_title
    )
    places = list(dict.fromkeys(one.about[0] for one in found))
    order = sorted(places, key=lambda name: (rank(BENCHMARKS, name.removesuffix(MINI)), name))
    return tuple(sorted(found, key=lambda one: (order.index(one.about[0]), method_rank(methods[one.about[2]].method))))


def untrained_report(results: Sequence[Result]) -> Document:
    """Controls without a model, if any ran, beside the untrained model: the accuracy that any method has to beat."""
    plain = [result for result in results if result.arm == MATCHED and not is_view(result.method)]
    kept = [result for result in plain if result.method == UNTRAINED or result.method.startswith(CONTROL)]
    if not any(result.method.startswith(CONTROL) for result in kept):
        raise AnatomyR1Error("no control ran. Run `tox -e reproduce-table1 -- --methods control-majority`")
    found, known = by_key(scores(kept)), marks(kept)
    shown = benchmarks(found, always=BENCHMARKS)
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
