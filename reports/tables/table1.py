"""Table 1: ten methods on two benchmarks by three metrics, ours beside the paper's (its Table 1).

Methods that did not run keep their row, with dashes. Further tables follow: arms that are kept apart, training cost,
how responses were parsed, and accuracy by anatomy or question type (compare the paper's Fig. 1).
"""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, Result
from anatomy_r1.tables.table import Document, Table
from reports.scores import paper
from reports.scores.cost import costs
from reports.scores.names import BASELINE, BENCHMARKS, METHODS, is_view
from reports.scores.notes import caveat_notes, marks, notes, warning
from reports.scores.scores import by_key, differences, scores
from reports.tables import TableExport
from reports.tables.breakdowns import (
    as_released_table,
    categories_table,
    equal_tokens_table,
    responses_table,
    training_cost_table,
)
from reports.tables.rows import accuracy_block, accuracy_columns, benchmarks, models, row_names

NUMBER = 1
"""Number of this table in the paper."""
ARM_TABLES = {EQUAL_TOKENS: equal_tokens_table, AS_RELEASED: as_released_table}
"""Arms with a table of their own, in order."""
_VIEWS = (
    "no image, wrong image, rotations: the policy of that name, shown no image, one of another video (slide, patient, "
    "image), or the options in every cyclic order (mean over these). These rows are controls and do not count for best "
    "and second best; for what they show about a policy, run python -m reports controls (docs/controls.md)."
)


def export(results: Sequence[Result]) -> TableExport:
    """Table 1 as it is written; its CSV also holds the paired differences from GRPO."""
    shown = [*scores(results), *differences(results, BASELINE)]
    return TableExport(table1(results), shown, lambda score: paper.load().of_score(score, NUMBER))


def table1(results: Sequence[Result]) -> Document:
    """Table 1 and the tables that accompany it, from the results of one profile; pure.

    Raises:
        AnatomyR1Error: when there are no results, or they do not belong in one table.
    """
    if not results:
        raise AnatomyR1Error("no results: the store is empty. Run `tox -e reproduce-table1` first")
    every = by_key(scores(results))
    of_arm = {arm: {key: score for key, score in every.items() if key[0].arm == arm} for arm in ARM_TABLES}
    found = {key: score for key, score in every.items() if key[0].arm not in ARM_TABLES}
    policies = {key: score for key, score in found.items() if not is_view(key[0].method)}  # views were not trained
    shown, known = benchmarks(found, always=BENCHMARKS), marks(results)
    blocks = tuple(  # the paper's ten methods in its order, whether they ran or not; then other arms and methods
        accuracy_block(found, model, row_names(found, model, METHODS), shown, table=NUMBER, marks=known)
        for model in models(found)
    )
    main_title = "Table 1. Performance on both benchmarks, in percent, beside the paper's"
    tables = (
        Table("table1", main_title, "Method", accuracy_columns(shown), blocks),
        *(make(of_arm[arm], results, known) for arm, make in ARM_TABLES.items() if of_arm[arm]),
        training_cost_table(policies, costs(results), shown, known),
        responses_table(found, results, shown, known),
        categories_table(found, known),
    )
    title = f"Anatomy-R1, Table {NUMBER}: profile {results[0].profile}"
    views = (_VIEWS,) if any(is_view(result.method) for result in results) else ()
    below = (*caveat_notes(results, found), *views, *notes(results, every.values(), NUMBER))
    return Document(title, warning(results), tables, below)
