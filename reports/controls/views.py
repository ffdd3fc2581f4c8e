"""Image ablation: a policy's score with its own image, minus its score with a wrong image or with none.

The test is that of `anatomy_r1.comparison`, with all policies of the store as one family. It compares with the wrong
image: the prompt then has the form that the policy was trained on, so a lower score comes from what the image shows.

Option rotations: a policy's mean and worst case over all cyclic orders of the options, and its bias by letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anatomy_r1.comparison.compare import Comparison, compare
from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.panel import Panel, panels
from anatomy_r1.comparison.systems import SystemRun, systems
from anatomy_r1.comparison.verdict import Verdict
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import NO_IMAGE, PLAIN, ROTATIONS, WRONG_IMAGE, row_name, split_row
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import Interval, SeededInterval, seeded_interval
from anatomy_r1.scoring.position_bias import LetterCounts, PositionBias, position_bias
from anatomy_r1.scoring.question_table import ALL_RIGHT, stored_letter_counts
from reports.scores.scores import (
    ALL,
    AVG,
    Score,
    SystemKey,
    differences_of,
    minus,
    not_clean,
    questions_of,
    score_of,
    scores,
    system_of,
)

VERDICTS: Mapping[Verdict, str] = {
    "better": "uses the image",
    "worse": "scores lower with its own image",
    "no detectable difference": "no detectable use of the image",
    "underpowered": "underpowered: no use of the image shown",
}
"""Verdict of the comparison with the wrong image -> what it says about the policy."""
ResultsByView = Mapping[str, Mapping[int, Result]]
"""View -> seed -> result, of one policy."""


@dataclass(frozen=True, eq=False)
class ImageAblation:
    """What the image is worth to one policy, over the seeds for which all of its views ran."""

    results: tuple[Result, ...]
    """Results of all views."""
    policy: SystemKey
    scores: Mapping[str, Score]
    """View -> Avg@5."""
    comparisons: Mapping[str, Comparison]
    """View -> plain minus that view; empty where they share no seed."""
    leaks: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`; empty where the wrong image was not tested."""
        found = self.comparisons.get(WRONG_IMAGE)
        return VERDICTS[found.test.verdict] if found and found.test else ""

    def difference(self, view: str) -> Score | None:
        """Plain minus `view` in Avg@5, in points."""
        if view not in self.comparisons:
            return None
        found = self.comparisons[view]
        seeded = SeededInterval(found.difference(AVG).interval, len(found.seeds), found.spread)
        return score_of(self.policy, minus(AVG, view), ALL, seeded, self.leaks)

    def all_scores(self) -> Iterator[Score]:
        """Scores and differences of all views, for the CSV."""
        yield from self.scores.values()
        yield from (one for view in (NO_IMAGE, WRONG_IMAGE) if (one := self.difference(view)))


def image_ablations(results: Sequence[Result]) -> tuple[ImageAblation, ...]:
    """The ablation of each policy that was shown no image or a wrong one, in the order of the store.

    Raises:
        AnatomyR1Error: when two views of one policy have different weights, questions or sampling settings.
    """
    policies = by_policy(results)
    pairs = [(policy, view, _panel(views, view)) for policy, views in policies.items() for view in _compared(views)]
    found = {(policy, view): one for (policy, view, _), one in zip(pairs, _compare(pairs), strict=True)}
    return tuple(_ablation(policy, views, found) for policy, views in policies.items())


def by_policy(
    results: Sequence[Result], wanted: Sequence[str] = (NO_IMAGE, WRONG_IMAGE)
) -> dict[SystemKey, ResultsByView]:
    """Results under the plain view and the `wanted` ones, of every policy that has one of the latter.

    Restricted to the seeds that ran under all of these views, so that views differ only in what was shown.

    Raises:
        AnatomyR1Error: when two views of one policy and seed have different weights.
    """
    found: dict[SystemKey, dict[str, dict[int, Result]]] = {}
    for result in sorted(results, key=lambda one: one.key):
        method, view = split_row(result.method)
        policy = replace(system_of(result), method=method)
        found.setdefault(policy, {}).setdefault(view, {})[result.seed] = result
    kept: dict[SystemKey, ResultsByView] = {
        policy: {view: seeds for view, seeds in views.items() if view in (PLAIN, *wanted)}
        for policy, views in found.items()
        if any(view in views for view in wanted)
    }
    for views in kept.values():
        _check_weights(views)
    return {policy: _shared_seeds(views) for policy, views in kept.items()}


def _check_weights(views: ResultsByView) -> None:
    for seed, plain in views.get(PLAIN, {}).items():
        for other in (seeds[seed] for seeds in views.values() if seed in seeds):
            weights = [one.provenance.get("sampling", {}).get("weights") for one in (plain, other)]
            if None not in weights and weights[0] != weights[1]:
                raise AnatomyR1Error(f"{other.key}: weights differ from {plain.key}. Fix: run both again")


def _shared_seeds(views: ResultsByView) -> ResultsByView:
    shared = set.intersection(*(set(seeds) for seeds in views.values()))
    return {view: {seed: seeds[seed] for seed in sorted(shared)} for view, seeds in views.items()}


def _compared(views: ResultsByView) -> list[str]:
    """Views to compare the plain one with."""
    return [view for view in (NO_IMAGE, WRONG_IMAGE) if views.get(view) and views.get(PLAIN)]


def _panel(views: ResultsByView, view: str) -> Panel:
    """The panel of a comparison with `view` as the baseline of the plain view."""
    ordered = [result for name in (view, PLAIN) for result in views[name].values()]
    (panel,) = panels(
        systems([SystemRun.from_result(result, f"{result.key}.json") for result in ordered]), ("prompts",)
    )
    return panel


def _compare(pairs: Sequence[tuple[SystemKey, str, Panel]]) -> Iterator[Comparison]:
    """The family is the comparisons with the wrong image; those with no image have an interval but no test."""
    every = [panel for _, _, panel in pairs]
    tested = [panel for _, view, panel in pairs if view == WRONG_IMAGE] or every
    if every:
        names = tuple(frozenset(system.name for system in panel.systems) for panel in tested)
        yield from compare(every, Family("worth of the picture", AVG, names))


def _ablation(
    policy: SystemKey, views: ResultsByView, found: Mapping[tuple[SystemKey, str], Comparison]
) -> ImageAblation:
    every = [result for seeds in views.values() for result in seeds.values()]
    averaged = averages(every)
    return ImageAblation(
        results=tuple(every),
        policy=policy,
        scores={view: averaged[name] for view in views if (name := row_name(policy.method, view)) in averaged},
        comparisons={view: found[policy, view] for view in views if (policy, view) in found},
        leaks=not_clean(every),
    )


def averages(results: Sequence[Result]) -> dict[str, Score]:
    """Avg@5 over all questions, by method and view, from results of one policy."""
    return {score.system.method: score for score in scores(results) if (score.metric, score.category) == (AVG, ALL)}


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
        AnatomyR1Error: as `reports.controls.views.by_policy` and `reports.scores.scores.scores`.
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
