"""Table 1: ten methods by two benchmarks and three metrics, ours beside the paper's (its Table 1).

`table1(results)` is pure. What did not run stays in its row as a dash. Small tables go with it: what training cost, how
responses parsed, and accuracy by anatomy or question type (the pattern of the paper's Fig. 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, Result
from anatomy_r1.tables.document import Document
from anatomy_r1.tables.table import Table
from reports.scores import paper
from reports.scores.caveats import Marks, certificate_notes, marks, order_alarms, submitted_notes, unfit_notes
from reports.scores.cost import costs
from reports.scores.names import METHODS, is_view
from reports.scores.notes import notes, warning
from reports.scores.rows import benchmarks, models, row_names
from reports.scores.scores import Key, Score, by_key, scores
from reports.tables.accuracy import accuracy_block, accuracy_columns
from reports.tables.arms import as_released_table, equal_tokens_table
from reports.tables.breakdowns import categories_table, responses_table
from reports.tables.cost_table import training_cost_table

NUMBER = 1
"""Which of the paper's tables this is."""
APART = {EQUAL_TOKENS: equal_tokens_table, AS_RELEASED: as_released_table}
"""Arms with a table of their own, in the order of these."""
_VIEWS = (
    "no image, wrong image, rotations: the policy of that name, shown no picture, one of another video (slide, "
    "patient, image), or the options in every cyclic order (mean over these). Controls, outside best and second; what "
    "they say of a policy: python -m reports controls (docs/controls.md)."
)


def table1(results: Sequence[Result], numbers: paper.PaperNumbers | None = None) -> Document:
    """Table 1 with its companions, from the results of one profile.

    Raises:
        AnatomyR1Error: when there is nothing to show, or the results do not belong in one table.
    """
    if not results:
        raise AnatomyR1Error("no results: the store is empty. Run `tox -e reproduce-table1` first")
    every = by_key(scores(results))
    found = {key: score for key, score in every.items() if key[0].arm not in APART}
    shown = benchmarks(found)
    known = marks(results)
    tables = (
        _main_table(found, numbers or paper.load(), shown, known),
        *(make(own, results, known) for arm, make in APART.items() if (own := _of_arm(every, arm))),
        training_cost_table(_policies(found), costs(results), shown, known),
        responses_table(found, results, shown, known),
        categories_table(found, known),
    )
    title = f"Anatomy-R1, Table {NUMBER}: profile {results[0].profile}"
    alarms = (*unfit_notes(results), *certificate_notes(results), *submitted_notes(results), *order_alarms(found))
    views = (_VIEWS,) if len(_policies(every)) < len(every) else ()
    return Document(title, warning(results), tables, (*alarms, *views, *notes(results, every.values(), NUMBER)))


def _policies(found: Mapping[Key, Score]) -> dict[Key, Score]:
    """Without views, whose training is that of their policy."""
    return {key: score for key, score in found.items() if not is_view(key[0].method)}


def _of_arm(every: Mapping[Key, Score], arm: str) -> dict[Key, Score]:
    return {key: score for key, score in every.items() if key[0].arm == arm}


def _main_table(found: Mapping[Key, Score], numbers: paper.PaperNumbers, shown: Sequence[str], known: Marks) -> Table:
    """The paper's ten in its order, whether they ran or not; then other arms of these and other methods."""
    blocks = tuple(
        accuracy_block(found, numbers, model, row_names(found, model, METHODS), shown, table=NUMBER, marks=known)
        for model in models(found)
    )
    title = "Table 1. Performance on both benchmarks, in percent, beside the paper's"
    return Table("table1", title, "Method", accuracy_columns(shown), blocks)
