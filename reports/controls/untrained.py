"""What is reached without a picture, or without training: the rows that any method has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Block, Report, Table
from reports.scores import paper
from reports.scores.fitness import unfit_notes
from reports.scores.marks import marks
from reports.scores.names import CONTROLS, is_view
from reports.scores.notes import notes, warning
from reports.scores.rows import benchmarks, models, row_names
from reports.scores.scores import by_key, scores
from reports.tables.accuracy import accuracy_block, accuracy_columns
from reports.tables.breakdowns import categories_table

UNTRAINED = "zero-shot"
_READING = (
    "A control sees no picture and asks no model (docs/controls.md); Zero-Shot is the untrained model. A method that "
    "is not above all of them has not been shown to see."
)


def untrained_report(results: Sequence[Result], numbers: paper.PaperNumbers | None = None) -> Report:
    """Controls and the untrained model, by benchmark and by anatomy or question type.

    Raises:
        AnatomyR1Error: when no control ran.
    """
    kept = [result for result in results if _is_control(result) or result.method == UNTRAINED]
    kept = [result for result in kept if result.arm == MATCHED and not is_view(result.method)]
    if not any(_is_control(result) for result in kept):
        raise AnatomyR1Error("no control ran. Run `tox -e reproduce-table1` with --methods control-majority")
    found = by_key(scores(kept))
    shown, known = benchmarks(found), marks(kept)
    blocks: list[Block] = [
        accuracy_block(found, numbers or paper.load(), model, row_names(found, model), shown, table=1, marks=known)
        for model in models(found)
    ]
    title = "Controls beside the untrained model, in percent"
    table = Table("untrained", title, "Row", accuracy_columns(shown), tuple(blocks), (_READING,))
    below = (*unfit_notes(kept), *notes(kept, found.values(), 1))
    title = f"Anatomy-R1, controls: profile {results[0].profile}"
    return Report(title, warning(kept), (table, categories_table(found, known)), below)


def _is_control(result: Result) -> bool:
    return result.method in CONTROLS or result.method.startswith("control-")
