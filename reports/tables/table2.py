"""Table 2: the ablation of GDQA, without rewritten questions and without changed images (the paper's Table 2).

Below each model's rows are the paired differences of the ablations from GDQA, which are more informative than two
overlapping intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Block, Cell, Document, Row, Table
from reports.scores import paper
from reports.scores.cost import costs
from reports.scores.names import ABLATION, METRICS, MINI, method_title, model_title
from reports.scores.notes import Marks, caveat_notes, marked, marks, notes, warning
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, by_key, differences, minus, scores
from reports.tables import TableExport
from reports.tables.breakdowns import responses_table, training_cost_table
from reports.tables.rows import (
    RowName,
    accuracy_block,
    accuracy_columns,
    benchmarks,
    difference_cell,
    models,
    points,
    row_names,
)

NUMBER = 2
"""Number of this table in the paper."""
WHOLE = "grpo-gdqa"
"""The method that the ablations are compared with."""
BENCHMARK = "sgg_anatomy"
"""The benchmark of the paper's Table 2."""
_DIFFERENCES = (
    "Difference: ablation minus GRPO-GDQA in points, on the questions and seeds that both ran "
    "[95 % cluster-robust t interval of the paired difference]; paper: the difference of its two numbers, which has no "
    "interval. — = one of the two did not run, or they ran on different questions."
)


def export(results: Sequence[Result]) -> TableExport:
    """Table 2 as it is written; its CSV also holds the paired differences."""
    kept = of_table2(results)

    def theirs(score: Score) -> float | None:
        differs = next((metric for metric in METRICS if score.metric == minus(metric, WHOLE)), None)
        return _paper_difference(score.system, differs) if differs else paper.load().of_score(score, NUMBER)

    return TableExport(table2(results), [*scores(kept), *differences(kept, WHOLE)], theirs)


def table2(results: Sequence[Result]) -> Document:
    """Table 2 and the tables that accompany it, from the results of one profile; pure.

    Raises:
        AnatomyR1Error: when no method of Table 2 ran, or the results do not belong in one table.
    """
    kept = of_table2(results)
    if not kept:
        raise AnatomyR1Error("no results of Table 2's methods. Run `tox -e reproduce-table2` first")
    found, paired = by_key(scores(kept)), by_key(differences(kept, WHOLE))
    shown, known = benchmarks(found, always=(BENCHMARK,)), marks(kept)
    tables = (
        _main_table(found, paired, shown, known),
        training_cost_table(found, costs(results), shown, known),
        responses_table(found, kept, shown, known),
    )
    title = f"Anatomy-R1, Table {NUMBER}: profile {results[0].profile}"
    below = notes(kept, [*found.values(), *paired.values()], NUMBER)
    return Document(title, warning(kept), tables, (*caveat_notes(kept, found), *below))


def of_table2(results: Sequence[Result]) -> list[Result]:
    """Results of Table 2's methods on its benchmark, and on any other on which an ablation ran."""
    rows = [result for result in results if result.method in ABLATION]
    ablated = {result.benchmark for result in rows if result.method != WHOLE}
    return [r for r in rows if r.benchmark in ablated or r.benchmark.removesuffix(MINI) == BENCHMARK]


def _main_table(
    found: Mapping[ScoreKey, Score], paired: Mapping[ScoreKey, Score], shown: Sequence[str], known: Marks
) -> Table:
    blocks: list[Block] = []
    for model in models(found):
        names = row_names(found, model, ABLATION)
        for arm in dict.fromkeys(arm for _, arm in names):  # best and second best are among rows of one budget
            own = [name for name in names if name[1] == arm]
            block = accuracy_block(found, model, own, shown, table=NUMBER, marks=known)
            blocks.append(block if arm == MATCHED else replace(block, title=f"{block.title}: {arm}"))
        blocks.append(_difference_block(paired, model, names, shown, known))
    title = "Table 2. Ablation of GDQA, in percent, beside the paper's"
    return Table("table2", title, "Method", accuracy_columns(shown), tuple(blocks), (_DIFFERENCES,))


def _difference_block(
    paired: Mapping[ScoreKey, Score], model: str, names: Sequence[RowName], shown: Sequence[str], known: Marks
) -> Block:
    """A row for each ablation, with the marks of the ablation and of GDQA."""
    rows = []
    for method, arm in names:
        if method != WHOLE:
            both = [SystemKey(name, model, one, arm) for name in shown for one in (method, WHOLE)]
            cells = (cell for name in shown for cell in _difference_cells(paired, SystemKey(name, model, method, arm)))
            rows.append(Row(marked(method_title(method, arm), both, known), tuple(cells)))
    return Block(f"{model_title(model, paper_beside=False)}: difference from {ABLATION[WHOLE]}", tuple(rows))


def _difference_cells(paired: Mapping[ScoreKey, Score], system: SystemKey) -> Iterator[Cell]:
    """An ablation's cells for one benchmark: our difference and the paper's in each metric, then the clusters."""
    for metric in METRICS:
        yield difference_cell(paired.get((system, minus(metric, WHOLE), ALL)))
        yield Cell(points(_paper_difference(system, metric)))
    average = paired.get((system, minus(AVG, WHOLE), ALL))
    yield Cell(str(average.clusters)) if average else Cell()


def _paper_difference(system: SystemKey, metric: str) -> float | None:
    """The paper's difference of an ablation from GDQA, in points; None unless it reports both numbers."""
    both = (system, replace(system, method=WHOLE))
    ablated, whole = (paper.load().beside(one, metric, NUMBER) for one in both)
    return None if ablated is None or whole is None else ablated - whole
