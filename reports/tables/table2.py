"""Table 2: GDQA whole, without rewritten questions and without changed images (the paper's Table 2, on SGG-VQA).

`table2(results)` is pure. Below each model's rows stands what each ablation differs by from the whole, question by
question, which says more than two intervals that overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.document import Document
from anatomy_r1.tables.table import Block, Cell, Row, Table
from reports.scores import paper
from reports.scores.caveats import Marks, certificate_notes, marked, marks, order_alarms, submitted_notes, unfit_notes
from reports.scores.cost import costs
from reports.scores.differences import differences, minus
from reports.scores.names import ABLATION, METRICS, MINI, method_title, model_title
from reports.scores.notes import notes, warning
from reports.scores.rows import RowName, benchmarks, models, row_names
from reports.scores.scores import ALL, AVG, Group, Key, Score, by_key, scores
from reports.tables.accuracy import accuracy_block, accuracy_columns, points, signed
from reports.tables.breakdowns import responses_table
from reports.tables.cost_table import training_cost_table

NUMBER = 2
"""Which of the paper's tables this is."""
WHOLE = "grpo-gdqa"
"""The method that the ablations are compared with."""
BENCHMARK = "sgg_anatomy"
"""The benchmark of the paper's Table 2."""
_DIFFERENCES = (
    "Difference: ablation minus GRPO-GDQA in points, on the questions and seeds that both ran "
    "[95 % cluster-robust t interval of the paired difference]; paper: the difference of its two numbers, which has no "
    "interval. — = one of the two did not run, or not on the same questions."
)


def table2(results: Sequence[Result], numbers: paper.PaperNumbers | None = None) -> Document:
    """Table 2 with its companions, from the results of one profile.

    Raises:
        AnatomyR1Error: when no method of Table 2 ran, or the results do not belong in one table.
    """
    kept = of_table2(results)
    if not kept:
        raise AnatomyR1Error("no results of Table 2's methods. Run `tox -e reproduce-table2` first")
    numbers = numbers or paper.load()
    found = by_key(scores(kept))
    paired = by_key(differences(kept, WHOLE))
    shown = benchmarks(found, always=(BENCHMARK,))
    known = marks(kept)
    tables = (
        _main_table(found, paired, numbers, shown, known),
        training_cost_table(found, costs(results), shown, known),
        responses_table(found, kept, shown, known),
    )
    title = f"Anatomy-R1, Table {NUMBER}: profile {results[0].profile}"
    alarms = (*unfit_notes(kept), *certificate_notes(kept), *submitted_notes(kept), *order_alarms(found))
    below = notes(kept, [*found.values(), *paired.values()], NUMBER)
    return Document(title, warning(kept), tables, (*alarms, *below))


def of_table2(results: Sequence[Result]) -> list[Result]:
    """Results of Table 2's methods on its benchmark, and on any other on which an ablation ran."""
    rows = [result for result in results if result.method in ABLATION]
    ablated = {result.benchmark for result in rows if result.method != WHOLE}
    return [r for r in rows if r.benchmark in ablated or r.benchmark.removesuffix(MINI) == BENCHMARK]


def _main_table(
    found: Mapping[Key, Score],
    paired: Mapping[Key, Score],
    numbers: paper.PaperNumbers,
    shown: Sequence[str],
    known: Marks,
) -> Table:
    blocks: list[Block] = []
    for model in models(found):
        names = row_names(found, model, ABLATION)
        for arm in dict.fromkeys(arm for _, arm in names):  # apart: best and second are of rows with one budget
            own = [name for name in names if name[1] == arm]
            block = accuracy_block(found, numbers, model, own, shown, table=NUMBER, marks=known)
            blocks.append(block if arm == MATCHED else replace(block, title=f"{block.title}: {arm}"))
        blocks.append(_difference_block(paired, numbers, model, names, shown, known=known))
    title = "Table 2. Ablation of GDQA, in percent, beside the paper's"
    return Table("table2", title, "Method", accuracy_columns(shown), tuple(blocks), (_DIFFERENCES,))


def _difference_block(
    paired: Mapping[Key, Score],
    numbers: paper.PaperNumbers,
    model: str,
    names: Sequence[RowName],
    shown: Sequence[str],
    *,
    known: Marks,
) -> Block:
    """A difference to a marked whole, or of a marked ablation, is marked as well."""
    rows = [
        Row(
            marked(
                method_title(*name),
                (Group(b, model, method, name[1]) for b in shown for method in (name[0], WHOLE)),
                known,
            ),
            tuple(c for b in shown for c in _cells(paired, numbers, Group(b, model, *name))),
        )
        for name in names
        if name[0] != WHOLE
    ]
    return Block(f"{model_title(model, paper_beside=False)}: difference to {ABLATION[WHOLE]}", tuple(rows))


def _cells(paired: Mapping[Key, Score], numbers: paper.PaperNumbers, group: Group) -> list[Cell]:
    """A benchmark's cells of one ablation: for each metric our difference and the paper's, then the clusters."""
    pairs = [
        (signed(paired.get((group, minus(metric, WHOLE), ALL))), Cell(points(theirs(numbers, group, metric))))
        for metric in METRICS
    ]
    score = paired.get((group, minus(AVG, WHOLE), ALL))
    return [*(cell for pair in pairs for cell in pair), Cell(str(score.clusters)) if score else Cell()]


def theirs(numbers: paper.PaperNumbers, group: Group, metric: str) -> float | None:
    """The paper's difference of an ablation to the whole, in points; None where it has not both numbers."""
    if group.arm != MATCHED:
        return None
    ablated, whole = (numbers.beside(group.model, m, group.benchmark, metric, NUMBER) for m in (group.method, WHOLE))
    return None if ablated is None or whole is None else ablated - whole


def paper_beside(numbers: paper.PaperNumbers, score: Score) -> float | None:
    """The paper's number for a score of this table, or its difference for a difference."""
    for metric in METRICS:
        if score.metric == minus(metric, WHOLE):
            return theirs(numbers, score.group, metric)
    return numbers.of_score(score, NUMBER)
