"""What the methods reach for the same number of sampled tokens, so that a gain can be told from a larger bill.

Beside each policy's accuracy stands its paired difference to GRPO's, for the same tokens and for each method's own
budget: where only the second is above zero, tokens bought it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.results.store import EQUAL_TOKENS, MATCHED, Result
from anatomy_r1.tables.table import MISSING, Cell, Table
from reports.scores.cost import costs
from reports.scores.differences import differences, minus, of_cells_in
from reports.scores.marks import Marks
from reports.scores.names import BASELINE
from reports.scores.rows import benchmarks, columns, run_blocks
from reports.scores.scores import ALL, AVG, Group, Key, Score, by_key
from reports.tables.accuracy import bounds
from reports.tables.signed import signed

_TITLES = ("Avg@5", "minus GRPO", "own budgets: minus GRPO", "steps", "rollout tokens")
_READING = (
    "A method's policy at the first step at which it had sampled as many tokens as the profile says; its own budget is "
    "that of the table above. minus GRPO: paired difference in points, on the questions and seeds that both ran "
    "[95 % cluster-robust t interval]. steps, rollout tokens: mean over seeds; what a method samples in its last step "
    "is beyond the number. Both differences are over the seeds that ran in this arm. — = not run."
)


def equal_tokens_table(found: Mapping[Key, Score], results: Sequence[Result], known: Marks) -> Table:
    """A row for each method of the arm.

    Args:
        found: scores of the arm.
        results: of all arms.
        known: marks of rows.
    """
    paired = by_key(differences(of_cells_in(results, EQUAL_TOKENS), BASELINE))
    spent, shown = costs(results), benchmarks(found, always=())

    def cells(group: Group) -> list[Cell]:
        score, own = found.get((group, AVG, ALL)), Group(group.benchmark, group.model, group.method, MATCHED)
        if score is None:
            return [Cell() for _ in _TITLES]
        return [
            Cell(score.shown(), bounds(score, 2)),
            *(signed(paired.get((one, minus(AVG, BASELINE), ALL))) for one in (group, own)),
            *(_count(amount.own) for amount in (spent[group].steps, spent[group].rollout_tokens)),
        ]

    return Table(
        EQUAL_TOKENS,
        "For the same number of sampled tokens: accuracy and what it differs by from GRPO's",
        "Method",
        columns(shown, _TITLES),
        run_blocks(
            found, lambda model, name: (c for b in shown for c in cells(Group(b, model, *name))), known, EQUAL_TOKENS
        ),
        (_READING,),
    )


def _count(value: float | None) -> Cell:
    return Cell(MISSING if value is None else f"{value:,.0f}")
