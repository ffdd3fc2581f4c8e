"""What a policy answers when its options are rotated: mean and worst case over rotations, and bias by letter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anatomy_r1.evaluation.views import PLAIN, ROTATIONS, row_name
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.columns import ALL_RIGHT
from anatomy_r1.scoring.intervals import Interval, SeededInterval, seeded_interval
from anatomy_r1.scoring.position_bias import LetterCounts, PositionBias, position_bias
from anatomy_r1.scoring.question_table import counts_of_table
from reports.controls.image_ablation import Views, averages, by_policy
from reports.scores.differences import between, minus
from reports.scores.scores import ALL, AVG, Group, Score, not_clean, questions_of, score_of


@dataclass(frozen=True, eq=False)
class Turned:
    """One policy under rotation, over the seeds under which it was asked both ways."""

    results: tuple[Result, ...]
    """What it is from."""

    policy: Group
    given: Score | None
    """Avg@5 with the options as given; None where that did not run."""
    average: Score
    """Avg@5, the rotations of a question averaged first."""
    change: Score | None
    """Rotated minus as given, paired, over the seeds that both ran."""
    all_right: Mapping[str, Score]
    """By `anatomy_r1.scoring.columns.ALL_RIGHT`: right under every rotation."""
    bias: PositionBias | None
    seeds: int
    leaks: tuple[str, ...]

    def numbers(self) -> Iterator[Score]:
        """Everything but `given` as scores, for the CSV."""
        yield from (one for one in (self.average, self.change, *self.all_right.values()) if one)
        if self.bias:
            for one in self.bias.letters:
                yield self._number(f"excess_{one.letter}", one.excess)
                if one.recall:
                    yield self._number(f"recall_{one.letter}", one.recall)
            yield from (self._bare("moved", self.bias.moved), self._bare("recall_sd", self.bias.recall_sd))

    def _number(self, name: str, interval: Interval) -> Score:
        return score_of(self.average.group, name, ALL, SeededInterval(interval, self.seeds, None), self.leaks)

    def _bare(self, name: str, share: float) -> Score:
        """A number that has no interval."""
        of = self.average
        return self._number(name, Interval(share, None, None, None, of.clusters, of.questions))


def turned(results: Sequence[Result]) -> tuple[Turned, ...]:
    """Of each policy whose options were rotated, in the order of the store.

    Raises:
        AnatomyR1Error: as `reports.controls.image_ablation.by_policy` and `reports.scores.scores.scores`.
    """
    found = by_policy(results, (ROTATIONS,)).items()
    return tuple(_turned(policy, views) for policy, views in found if views[ROTATIONS])


def _turned(policy: Group, views: Views) -> Turned:
    plain, rotated = list(views.get(PLAIN, {}).values()), list(views[ROTATIONS].values())
    found = averages([*plain, *rotated])
    average = found[row_name(policy.method, ROTATIONS)]
    changes = {score.metric: score for score in between([*plain, *rotated], average.group, policy.method)}
    leaks = not_clean([*plain, *rotated])
    return Turned(
        results=(*plain, *rotated),
        policy=policy,
        given=found.get(policy.method),
        average=average,
        change=changes.get(minus(AVG, policy.method)),
        all_right={name: _flag(rotated, average.group, name, leaks) for name in ALL_RIGHT},
        bias=position_bias(_counts(rotated)),
        seeds=len(rotated),
        leaks=leaks,
    )


def _flag(results: Sequence[Result], group: Group, name: str, leaks: tuple[str, ...]) -> Score:
    tables = [questions_of(result) for result in results]
    values = np.stack([table[name].to_numpy(dtype=float) for table in tables])
    return score_of(group, name, ALL, seeded_interval(values, tables[0]["cluster"].to_numpy()), leaks)


def _counts(results: Sequence[Result]) -> LetterCounts:
    """Summed over seeds question by question, so that a question counts once for its interval."""
    every = [counts_of_table(questions_of(result)) for result in results]
    names = ("chosen", "readable", "right", "asked")
    chosen, readable, right, asked = (np.sum([getattr(one, name) for one in every], axis=0) for name in names)
    return LetterCounts(chosen, readable, right, asked, every[0].clusters)
