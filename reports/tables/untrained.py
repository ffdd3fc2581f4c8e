"""Controls without a model beside the untrained model: the accuracy that any method has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Document, Table
from reports.scores.caveats import marks, unfit_notes
from reports.scores.names import CONTROLS, is_view
from reports.scores.notes import notes, warning
from reports.scores.scores import by_key, scores
from reports.tables.accuracy import accuracy_block, accuracy_columns
from reports.tables.breakdowns import categories_table
from reports.tables.rows import benchmarks, models, row_names

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
