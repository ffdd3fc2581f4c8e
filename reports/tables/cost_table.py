"""Costs as tables: steps and tokens beside the scores, and a report of its own for what differs between reruns.

A rerun of a seed on the same machine repeats steps and rollout tokens exactly, but not seconds. These stay out of
Tables 1 and 2, which are compared byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from anatomy_r1.tables.table import Cell, Document, Table
from reports.scores.caveats import Marks, marks
from reports.scores.cost import Amount, Cost, costs
from reports.scores.notes import USE, leakage_notes, machines, made_from, warning
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, by_key, scores
from reports.tables.cells import number
from reports.tables.rows import benchmarks, system_table

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
