"""What methods cost, as tables: beside the scores what repeats exactly, and in a report of its own what does not.

Steps and rollout tokens are the same whenever a seed is run again on a machine. Seconds are not, so they stay out of
Tables 1 and 2, which are compared byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from anatomy_r1.tables.document import Document
from anatomy_r1.tables.table import MISSING, Cell, Table
from reports.scores.caveats import Marks, marks
from reports.scores.cost import Amount, Cost, costs
from reports.scores.notes import USE, leaks, machines, made_from, warning
from reports.scores.rows import benchmarks, columns, run_blocks
from reports.scores.scores import ALL, AVG, Group, Key, Score, by_key, scores

_READING = (
    "Mean over training seeds. In parentheses: with the training that the method started from, where the store has it."
)
_UNKNOWN = "— = not run, or not recorded when it ran."
_ELSEWHERE = "Seconds, and tokens of evaluation: cost.txt and cost.csv."
_TOKENS = (
    "rollout tokens: sampled in training, discarded draws included. evaluation tokens: of all six responses to a "
    "question."
)


def training_cost_table(
    found: Mapping[Key, Score], spent: Mapping[Group, Cost], shown: Sequence[str], known: Marks
) -> Table:
    """Optimiser steps and rollout tokens of each method beside its Avg@5."""

    def cells(group: Group) -> list[Cell]:
        cost = spent.get(group)
        if cost is None:
            return [Cell() for _ in titles]
        return [_score(found, group), _trained(cost.steps), _trained(cost.rollout_tokens)]

    titles = ("Avg@5", "steps", "rollout tokens")
    return Table(
        "cost",
        "What it cost: optimiser steps and tokens sampled in training",
        "Method",
        columns(shown, titles),
        run_blocks(found, lambda model, name: (c for b in shown for c in cells(Group(b, model, *name))), known),
        (f"{_READING} {_UNKNOWN} {_ELSEWHERE}",),
    )


def cost_report(
    results: Sequence[Result],
    found: Mapping[Key, Score] | None = None,
    spent: Mapping[Group, Cost] | None = None,
) -> Document:
    """Everything that is known about costs, seconds included; differs from run to run.

    `found` and `spent`: scores and costs where they are known already; what a method started from may have been paid
    for by results that are not among these.

    Raises:
        AnatomyR1Error: as `scores`, or when there are no results.
    """
    if not results:
        raise AnatomyR1Error("no results: the store is empty. Run `tox -e reproduce-table1` first")
    found = found or by_key(scores(results))
    notes = (
        _READING,
        _UNKNOWN,
        _TOKENS,
        *leaks(found.values()),
        f"Seconds: wall-clock on {machines(results)}, with whatever else it did.",
    )
    table = _full_table(found, spent or costs(results), marks(results))
    title = f"Anatomy-R1, costs: profile {results[0].profile}"
    return Document(title, warning(results), (table,), (*notes, made_from(results, found.values()), USE))


def _full_table(found: Mapping[Key, Score], spent: Mapping[Group, Cost], known: Marks) -> Table:
    titles = ("Avg@5", "steps", "rollout tokens", "training s", "evaluation tokens", "evaluation s", "seeds")
    shown = benchmarks(found, always=())

    def cells(group: Group) -> list[Cell]:
        cost = spent.get(group)
        if cost is None:
            return [Cell() for _ in titles]
        return [
            _score(found, group),
            _trained(cost.steps),
            _trained(cost.rollout_tokens),
            _trained(cost.training_seconds, 1),
            Cell(_text(cost.evaluation_tokens)),
            Cell(_text(cost.evaluation_seconds, 1)),
            Cell(str(cost.seeds)),
        ]

    return Table(
        "costs",
        "What it cost: training and evaluation of each method",
        "Method",
        columns(shown, titles),
        run_blocks(found, lambda model, name: (c for b in shown for c in cells(Group(b, model, *name))), known),
    )


def _score(found: Mapping[Key, Score], group: Group) -> Cell:
    return Cell(found[group, AVG, ALL].shown())


def _trained(amount: Amount, decimals: int = 0) -> Cell:
    """Own cost; beside it, for a method that started from another, the whole, or a dash where that is not known."""
    aside = f"({_text(amount.whole, decimals)})" if amount.continued and amount.own is not None else ""
    return Cell(_text(amount.own, decimals), aside)


def _text(value: float | None, decimals: int = 0) -> str:
    return MISSING if value is None else f"{value:,.{decimals}f}"
