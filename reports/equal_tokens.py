"""What the methods reach for the same number of sampled tokens, so that a gain can be told from a larger bill.

Beside each policy's accuracy stands its paired difference to GRPO's, for the same tokens and for each method's own
budget: where only the second is above zero, tokens bought it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.metrics import K
from anatomy_r1.results import EQUAL_TOKENS, MATCHED
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, Table
from reports.accuracy import bounds
from reports.cost import Cost
from reports.differences import minus
from reports.marks import Marks, marked
from reports.names import benchmark_title, method_title, model_title
from reports.rows import Key, models, row_names
from reports.scores import ALL, Group, Score
from reports.signed import signed

BASELINE = "grpo"
"""The method that the others are compared with."""
_AVG = f"avg@{K}"
_TITLES = ("Avg@5", "minus GRPO", "own budgets: minus GRPO", "steps", "rollout tokens")
_READING = (
    "A method's policy at the first step at which it had sampled as many tokens as the profile says; its own budget is "
    "that of the table above. minus GRPO: paired difference in points, on the questions and seeds that both ran "
    "[95 % cluster-robust t interval]. steps, rollout tokens: mean over seeds; what a method samples in its last step "
    "is beyond the number. Both differences are over the seeds that ran in this arm. — = not run."
)


def equal_tokens_table(
    found: Mapping[Key, Score],
    paired: Mapping[Key, Score],
    spent: Mapping[Group, Cost],
    shown: Sequence[str],
    known: Marks,
) -> Table:
    """A row for each method of the arm.

    Args:
        found: scores of the arm.
        paired: differences to GRPO, of all arms.
        spent: costs, of all arms.
        shown: benchmarks.
        known: marks of rows.
    """

    def cells(group: Group) -> list[Cell]:
        score, own = found.get((group, _AVG, ALL)), Group(group.benchmark, group.model, group.method, MATCHED)
        if score is None:
            return [Cell() for _ in _TITLES]
        return [
            Cell(score.shown(), bounds(score, 2)),
            *(signed(paired.get((one, minus(_AVG, BASELINE), ALL))) for one in (group, own)),
            *(_count(amount.own) for amount in (spent[group].steps, spent[group].rollout_tokens)),
        ]

    blocks = tuple(
        Block(
            model_title(model, paper_beside=False),
            tuple(
                Row(
                    marked(method_title(method, MATCHED), (Group(b, model, method, arm) for b in shown), known),
                    tuple(c for b in shown for c in cells(Group(b, model, method, arm))),
                )
                for method, arm in row_names(found, model)
            ),
        )
        for model in models(found)
    )
    return Table(
        EQUAL_TOKENS,
        "For the same number of sampled tokens: accuracy and what it differs by from GRPO's",
        "Method",
        tuple(Column(title, benchmark_title(name)) for name in shown for title in _TITLES),
        blocks,
        (_READING,),
    )


def _count(value: float | None) -> Cell:
    return Cell(MISSING if value is None else f"{value:,.0f}")
