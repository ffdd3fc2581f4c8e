"""Tables of the two arms that Table 1 keeps apart from the matched arm, each with paired differences from GRPO.

*Equal tokens*: what each method reaches for the same number of sampled tokens. If a method is ahead of GRPO for its own
budget but not here, the additional tokens explain its gain.

*As released*: each method trained on its own one of the authors' three files. The files differ in questions, frames,
templates and prompt wording, so a difference from GRPO within this arm reflects method and data together; the
difference on the same questions for all, and that between the arms, are shown beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED, Result
from anatomy_r1.tables.table import MISSING, Cell, Table
from reports.scores.caveats import Marks
from reports.scores.cost import costs
from reports.scores.differences import differences, differences_between_arms, minus, with_seeds_of_arm
from reports.scores.names import BASELINE
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, by_key, system_of
from reports.tables.cells import difference_cell, number, score_cell
from reports.tables.rows import benchmarks, system_table

_EQUAL_TOKENS = (
    "Each method's policy at the first step at which it had sampled as many tokens as the profile sets; its own budget "
    "is that of the main table. minus GRPO: paired difference in points, on the questions and seeds that both ran "
    "[95 % cluster-robust t interval]. steps, rollout tokens: mean over seeds; tokens exceed the set number because "
    "the last step is completed. Both differences are over the seeds that ran in this arm. — = not run."
)
_AS_RELEASED = (
    "Each method was trained on its own file alone; all were tested on the questions of the main table, each in the "
    "wording of its training prompts (ours: the paper does not say). matched minus as released, minus GRPO: paired "
    "differences in points, on the questions and seeds that both ran [95 % cluster-robust t interval]. Within this arm "
    "a difference from GRPO reflects method, questions and prompt together. Both differences from GRPO are over the "
    "seeds that ran in this arm. ASC keeps the options of its file; of its curriculum, only "
    "the order of questions remains. — = not run."
)


def equal_tokens_table(found: Mapping[ScoreKey, Score], results: Sequence[Result], marks: Marks) -> Table:
    """A row for each method of the arm, from the scores `found` of the arm and the results of all arms."""
    paired, spent = _minus_grpo(results, EQUAL_TOKENS), costs(results)

    def cells(system: SystemKey) -> list[Cell] | None:
        if (system, AVG, ALL) not in found:
            return None
        return [
            score_cell(found[system, AVG, ALL]),
            *(difference_cell(paired.get(one)) for one in (system, replace(system, arm=MATCHED))),
            *(Cell(number(amount.own)) for amount in (spent[system].steps, spent[system].rollout_tokens)),
        ]

    return system_table(
        EQUAL_TOKENS,
        "For the same number of sampled tokens: accuracy, and its difference from GRPO's",
        ("Avg@5", "minus GRPO", "own budgets: minus GRPO", "steps", "rollout tokens"),
        cells,
        found=found,
        shown=benchmarks(found, always=()),
        marks=marks,
        arm=EQUAL_TOKENS,
        notes=(_EQUAL_TOKENS,),
    )


def as_released_table(found: Mapping[ScoreKey, Score], results: Sequence[Result], marks: Marks) -> Table:
    """A row for each method of the arm, from the scores `found` of the arm and the results of all arms."""
    paired, arms = _minus_grpo(results, AS_RELEASED), by_key(differences_between_arms(results, MATCHED, AS_RELEASED))
    released = {system_of(result): result.provenance.get("released") or {} for result in results}

    def cells(system: SystemKey) -> list[Cell] | None:
        if (system, AVG, ALL) not in found:
            return None
        score, matched = found[system, AVG, ALL], replace(system, arm=MATCHED)
        return [
            *(Cell(str(released[system].get(name, MISSING))) for name in ("file", "wording")),
            score_cell(score),
            difference_cell(arms.get((matched, minus(AVG, AS_RELEASED), ALL))),
            *(difference_cell(paired.get(one)) for one in (system, matched)),
            Cell(str(score.seeds)),
        ]

    return system_table(
        AS_RELEASED,
        "As released: trained on the authors' three files, or on their generated counterparts",
        ("file", "prompt", "Avg@5", "matched minus as released", "minus GRPO", "matched: minus GRPO", "seeds"),
        cells,
        found=found,
        shown=benchmarks(found, always=()),
        marks=marks,
        arm=AS_RELEASED,
        notes=(_AS_RELEASED,),
    )


def _minus_grpo(results: Sequence[Result], arm: str) -> dict[SystemKey, Score]:
    """Each system's difference from GRPO in Avg@5, over the seeds that ran in `arm`."""
    found = differences(with_seeds_of_arm(results, arm), BASELINE)
    return {score.system: score for score in found if score.metric == minus(AVG, BASELINE)}
