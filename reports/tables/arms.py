"""What training on the authors' three files makes of each method, beside the same questions for all.

In the arm as released the files differ by method, and with them questions, frames, templates and the prompt's wording.
So a difference to GRPO within that arm is one of method and data together; beside it stands the difference between
methods on the same questions, and what the arm does to each method by itself.

What the methods reach for the same number of sampled tokens, so that a gain can be told from a larger bill.

Beside each policy's accuracy stands its paired difference to GRPO's, for the same tokens and for each method's own
budget: where only the second is above zero, tokens bought it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED, Result
from anatomy_r1.tables.table import MISSING, Cell, Table
from reports.scores.caveats import Marks
from reports.scores.cost import costs
from reports.scores.differences import between_arms, differences, minus, of_cells_in
from reports.scores.names import BASELINE
from reports.scores.rows import benchmarks, columns, run_blocks
from reports.scores.scores import ALL, AVG, Group, Key, Score, by_key, group_of
from reports.tables.accuracy import bounds, signed

_AS_RELEASED_TITLES = (
    "file",
    "prompt",
    "Avg@5",
    "matched minus as released",
    "minus GRPO",
    "matched: minus GRPO",
    "seeds",
)
_AS_RELEASED_READING = (
    "A row learnt from its file alone; all were tested on the questions of the table above, each in the wording of its "
    "training prompts (ours: the paper does not say). matched minus as released, minus GRPO: paired differences in "
    "points, on the questions and seeds that both ran [95 % cluster-robust t interval]. Within this arm a difference "
    "to GRPO is one of method, questions and prompt together. Both differences to GRPO are over the seeds that ran in "
    "this arm; ASC keeps the options of its file, and can only order them. — = not run."
)


def as_released_table(found: Mapping[Key, Score], results: Sequence[Result], known: Marks) -> Table:
    """A row for each method of the arm.

    Args:
        found: scores of the arm.
        results: of all arms.
        known: marks of rows.
    """
    paired = by_key(differences(of_cells_in(results, AS_RELEASED), BASELINE))
    arms = by_key(between_arms(results, MATCHED, AS_RELEASED))
    stated = {group_of(result): result.provenance.get("released") or {} for result in results}
    shown = benchmarks(found, always=())

    def cells(group: Group) -> list[Cell]:
        score, own = found.get((group, AVG, ALL)), Group(group.benchmark, group.model, group.method, MATCHED)
        if score is None:
            return [Cell() for _ in _AS_RELEASED_TITLES]
        file = stated[group]
        return [
            Cell(str(file.get("file", MISSING))),
            Cell(str(file.get("wording", MISSING))),
            Cell(score.shown(), bounds(score, 2)),
            signed(arms.get((own, minus(AVG, AS_RELEASED), ALL))),
            *(signed(paired.get((one, minus(AVG, BASELINE), ALL))) for one in (group, own)),
            Cell(str(score.seeds)),
        ]

    return Table(
        AS_RELEASED,
        "As released: trained on the authors' three files, or their generated twin",
        "Method",
        columns(shown, _AS_RELEASED_TITLES),
        run_blocks(
            found, lambda model, name: (c for b in shown for c in cells(Group(b, model, *name))), known, AS_RELEASED
        ),
        (_AS_RELEASED_READING,),
    )


_EQUAL_TOKENS_TITLES = ("Avg@5", "minus GRPO", "own budgets: minus GRPO", "steps", "rollout tokens")
_EQUAL_TOKENS_READING = (
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
            return [Cell() for _ in _EQUAL_TOKENS_TITLES]
        return [
            Cell(score.shown(), bounds(score, 2)),
            *(signed(paired.get((one, minus(AVG, BASELINE), ALL))) for one in (group, own)),
            *(_count(amount.own) for amount in (spent[group].steps, spent[group].rollout_tokens)),
        ]

    return Table(
        EQUAL_TOKENS,
        "For the same number of sampled tokens: accuracy and what it differs by from GRPO's",
        "Method",
        columns(shown, _EQUAL_TOKENS_TITLES),
        run_blocks(
            found, lambda model, name: (c for b in shown for c in cells(Group(b, model, *name))), known, EQUAL_TOKENS
        ),
        (_EQUAL_TOKENS_READING,),
    )


def _count(value: float | None) -> Cell:
    return Cell(MISSING if value is None else f"{value:,.0f}")
