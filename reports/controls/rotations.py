"""Option rotations: a policy's mean and worst case over all cyclic orders of the options, and its bias by letter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anatomy_r1.evaluation.views import PLAIN, ROTATIONS, row_name
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import Interval, SeededInterval, seeded_interval
from anatomy_r1.scoring.position_bias import LetterCounts, PositionBias, position_bias
from anatomy_r1.scoring.question_table import ALL_RIGHT, stored_letter_counts
from reports.controls.image_ablation import ResultsByView, averages, by_policy
from reports.scores.differences import differences_of, minus
from reports.scores.scores import ALL, AVG, Score, SystemKey, not_clean, questions_of, score_of


@dataclass(frozen=True, eq=False)
class OptionRotation:
    """One policy under option rotation, over the seeds that ran both ways."""

    results: tuple[Result, ...]
    """Results with the options as given and rotated."""
    policy: SystemKey
    given: Score | None
    """Avg@5 with the options as given; None where that did not run."""
    average: Score
    """Avg@5, first averaged over the rotations of each question."""
    change: Score | None
    """Rotated minus as given, paired, over the seeds that ran both."""
    all_right: Mapping[str, Score]
    """By `anatomy_r1.scoring.question_table.ALL_RIGHT`: share of questions right under every rotation."""
    bias: PositionBias | None
    seeds: int
    leaks: tuple[str, ...]

    def letter_scores(self) -> list[tuple[Score, Score | None]]:
        """Excess and recall of each letter."""
        return [
            (
                self._score(f"excess_{one.letter}", one.excess),
                self._score(f"recall_{one.letter}", one.recall) if one.recall else None,
            )
            for one in (self.bias.letters if self.bias else ())
        ]

    def all_scores(self) -> Iterator[Score]:
        """All numbers but `given` as scores, for the CSV."""
        yield from (one for one in (self.average, self.change, *self.all_right.values()) if one)
        yield from (one for pair in self.letter_scores() for one in pair if one)
        if self.bias:
            for name, share in (("moved", self.bias.moved), ("recall_sd", self.bias.recall_sd)):
                without = Interval(share, None, None, None, self.average.clusters, self.average.questions)
                yield self._score(name, without)

    def _score(self, name: str, interval: Interval) -> Score:
        return score_of(self.average.system, name, ALL, SeededInterval(interval, self.seeds, None), self.leaks)


def option_rotations(results: Sequence[Result]) -> tuple[OptionRotation, ...]:
    """Each policy whose options were rotated, in the order of the store.

    Raises:
        AnatomyR1Error: as `reports.controls.image_ablation.by_policy` and `reports.scores.scores.scores`.
    """
    found = by_policy(results, (ROTATIONS,)).items()
    return tuple(_rotation(policy, views) for policy, views in found if views[ROTATIONS])


def _rotation(policy: SystemKey, views: ResultsByView) -> OptionRotation:
    plain, rotated = list(views.get(PLAIN, {}).values()), list(views[ROTATIONS].values())
    every = [*plain, *rotated]
    found = averages(every)
    average = found[row_name(policy.method, ROTATIONS)]
    changes = {score.metric: score for score in differences_of(every, average.system, policy.method)}
    leaks = not_clean(every)
    return OptionRotation(
        results=tuple(every),
        policy=policy,
        given=found.get(policy.method),
        average=average,
        change=changes.get(minus(AVG, policy.method)),
        all_right={name: _share(rotated, average.system, name, leaks) for name in ALL_RIGHT},
        bias=position_bias(_counts(rotated)),
        seeds=len(rotated),
        leaks=leaks,
    )


def _share(results: Sequence[Result], system: SystemKey, column: str, leaks: tuple[str, ...]) -> Score:
    """Share of questions for which a boolean column holds."""
    tables = [questions_of(result) for result in results]
    values = np.stack([table[column].to_numpy(dtype=float) for table in tables])
    return score_of(system, column, ALL, seeded_interval(values, tables[0]["cluster"].to_numpy()), leaks)


def _counts(results: Sequence[Result]) -> LetterCounts:
    """Summed over seeds question by question, so that each question counts once in an interval."""
    every = [stored_letter_counts(questions_of(result)) for result in results]
    names = ("chosen", "readable", "right", "asked")
    chosen, readable, right, asked = (np.sum([getattr(one, name) for one in every], axis=0) for name in names)
    return LetterCounts(chosen, readable, right, asked, every[0].clusters)
