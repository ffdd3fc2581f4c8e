"""Tables that accompany an accuracy table: training cost, responses, categories, and arms that are kept apart.

*Equal tokens* shows what each method reaches for the same number of sampled tokens. If a method is ahead of GRPO for
its own budget but not here, the additional tokens explain its gain.

*As released*: each method trained on its own one of the authors' three files. The files differ in questions, frames,
templates and prompt wording, so a difference from GRPO within this arm reflects method and data together; the
difference on the same questions for all, and that between the arms, are shown beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED, Result
from anatomy_r1.scoring.question_table import LENIENT
from anatomy_r1.tables.table import MISSING, Cell, Column, Table
from reports.scores.cost import Cost, costs
from reports.scores.names import BASELINE, BENCHMARKS, MINI, benchmark_title, rank
from reports.scores.notes import Marks
from reports.scores.scores import (
    ALL,
    AVG,
    Score,
    ScoreKey,
    SystemKey,
    by_key,
    differences,
    differences_between_arms,
    minus,
    parsed_lenient,
    several_bases,
    system_of,
    with_seeds_of_arm,
)
from reports.tables.rows import (
    RowName,
    amount_cell,
    difference_cell,
    method_cell,
    model_blocks,
    number,
    score_cell,
    system_table,
)

MEAN_COST = (
    "Mean over trainings. In parentheses: including the training that the method started from, where the store has it."
)
UNKNOWN_COST = "— = not run, or not recorded."
_SPREAD = "seed SD: standard deviation of Avg@5 over training seeds, in points."
_RUNS = (
    "runs: every base under every seed; run SD: standard deviation of Avg@5 over them, in points. Avg@5, the method: "
    "95 % interval over clusters, seeds and bases (docs/statistics.md)."
)
_EXTRACTION = (
    "lenient: Avg@5 with the lenient extractor, which also reads answers in the wrong format; the strict one decides, "
    "and the two form a band. malformed: not in the format that the prompt asks for; several: more than one answer; "
    "refused: declined to answer, judged by a list of phrases."
)
_PARSED = "parsed, lenient: the share that the lenient extractor reads; what it adds to parsed failed in form alone."
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


def training_cost_table(
    found: Mapping[ScoreKey, Score], spent: Mapping[SystemKey, Cost], shown: Sequence[str], marks: Marks
) -> Table:
    """Optimiser steps and rollout tokens of each method beside its Avg@5, for the benchmarks `shown`."""

    def cells(system: SystemKey) -> list[Cell]:
        cost = spent[system]
        return [Cell(found[system, AVG, ALL].shown()), amount_cell(cost.steps), amount_cell(cost.rollout_tokens)]

    return system_table(
        "cost",
        "Training cost: optimiser steps and tokens sampled in training",
        ("Avg@5", "steps", "rollout tokens"),
        cells,
        found=found,
        marks=marks,
        shown=shown,
        notes=(f"{MEAN_COST} {UNKNOWN_COST} Seconds, and tokens of evaluation: cost.txt and cost.csv.",),
    )


def responses_table(
    found: Mapping[ScoreKey, Score], results: Sequence[Result], shown: Sequence[str], marks: Marks
) -> Table:
    """Shares of parsed and truncated responses and accuracy of the greedy one, for the benchmarks `shown`.

    Where the store has them, also accuracy by the lenient extractor and the ways in which responses failed.
    """
    styles, lenient_shares = {system_of(result): result.style for result in results}, parsed_lenient(results)
    extraction = any(metric == LENIENT for _, metric, _ in found)
    any_read = any(value is not None for value in lenient_shares.values())
    failures, based = ("malformed", "several", "refused"), several_bases(found.values())

    def share(system: SystemKey, metric: str) -> Cell:
        score = found.get((system, metric, ALL))
        return Cell(f"{score.percent:.1f}") if score else Cell()

    def cells(system: SystemKey) -> list[Cell]:
        average = found[system, AVG, ALL]
        lenient = [score_cell(found.get((system, LENIENT, ALL))), *(share(system, name) for name in failures)]
        return [
            Cell(styles[system]),
            share(system, "parsed"),
            *([Cell(number(lenient_shares[system], 1))] if any_read else []),
            share(system, "truncated"),
            score_cell(found[system, "greedy", ALL]),
            Cell(str(average.seeds)),
            Cell(number(average.seed_sd, 2)),
            *([Cell(str(average.bases)), method_cell(average)] if based else []),
            *(lenient if extraction else []),
        ]

    further = ("lenient", *failures) if extraction else ()
    seeds = ("runs", "run SD", "bases", "Avg@5, the method") if based else ("seeds", "seed SD")
    return system_table(
        "responses",
        "Responses: share parsed and truncated (percent of the five), accuracy of the greedy response",
        ("prompt", "parsed", *(["parsed, lenient"] if any_read else []), "truncated", "greedy", *seeds, *further),
        cells,
        found=found,
        marks=marks,
        shown=shown,
        notes=(_RUNS if based else _SPREAD, *([_PARSED] if any_read else []), *([_EXTRACTION] if extraction else [])),
    )


def categories_table(found: Mapping[ScoreKey, Score], marks: Marks) -> Table:
    """Avg@5 by anatomy or question type: which ones a method learns (compare the paper's Fig. 1)."""
    sizes: dict[tuple[str, str], int] = {}
    for system, metric, category in found:
        if metric == AVG and category != ALL:
            place = (system.benchmark, category)
            sizes[place] = max(found[system, AVG, category].questions, sizes.get(place, 0))
    order = sorted(sizes, key=lambda place: (rank(BENCHMARKS, place[0].removesuffix(MINI)), place))

    def cells(model: str, name: RowName) -> list[Cell]:
        keys = [(SystemKey(benchmark, model, *name), AVG, category) for benchmark, category in order]
        return [score_cell(found.get(key), 1) for key in keys]

    return Table(
        "categories",
        "Avg@5 by anatomy and by question type, in percent (compare the paper's Fig. 1)",
        "Method",
        tuple(Column(f"{category} (n={sizes[name, category]})", benchmark_title(name)) for name, category in order),
        model_blocks(found, cells, marks),
    )


def equal_tokens_table(found: Mapping[ScoreKey, Score], results: Sequence[Result], marks: Marks) -> Table:
    """A row for each method of the arm, from the scores `found` of the arm and the results of all arms."""
    paired, spent = _minus_grpo(results, EQUAL_TOKENS), costs(results)

    def cells(system: SystemKey) -> list[Cell]:
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
        marks=marks,
        arm=EQUAL_TOKENS,
        notes=(_EQUAL_TOKENS,),
    )


def as_released_table(found: Mapping[ScoreKey, Score], results: Sequence[Result], marks: Marks) -> Table:
    """A row for each method of the arm, from the scores `found` of the arm and the results of all arms."""
    paired, arms = _minus_grpo(results, AS_RELEASED), by_key(differences_between_arms(results, MATCHED, AS_RELEASED))
    ran = "runs" if several_bases(found.values()) else "seeds"
    released = {system_of(result): result.provenance.get("released") or {} for result in results}

    def cells(system: SystemKey) -> list[Cell]:
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
        ("file", "prompt", "Avg@5", "matched minus as released", "minus GRPO", "matched: minus GRPO", ran),
        cells,
        found=found,
        marks=marks,
        arm=AS_RELEASED,
        notes=(_AS_RELEASED,),
    )


def _minus_grpo(results: Sequence[Result], arm: str) -> dict[SystemKey, Score]:
    """Each system's difference from GRPO in Avg@5, over the seeds that ran in `arm`."""
    found = differences(with_seeds_of_arm(results, arm), BASELINE)
    return {score.system: score for score in found if score.metric == minus(AVG, BASELINE)}
