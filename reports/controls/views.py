"""What policies score under other views: without their image, with a wrong one, and with rotated options.

*Image ablation* is a policy's score with its own image, minus its score with a wrong image or with none. The test is
that of `anatomy_r1.comparison`, with all policies of the store as one family. It compares with the wrong image: the
prompt then has the form that the policy was trained on, so a lower score comes from what the image shows.

*Option rotations* give a policy's mean and worst case over all cyclic orders of the options, and its bias by letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anatomy_r1.bases import RunKey
from anatomy_r1.comparison.compare import Comparison, compare
from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.panel import Panel, panels
from anatomy_r1.comparison.statistics import Verdict
from anatomy_r1.comparison.systems import SystemRun, systems
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
    check_same_weights,
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
ResultsByView = Mapping[str, Mapping[RunKey, Result]]
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
    seeds: int
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
        seeded = SeededInterval(found.difference(AVG).interval, found.runs, found.spread)
        return replace(score_of(self.policy, minus(AVG, view), ALL, seeded, self.leaks), bases=len(found.bases) or 1)

    def all_scores(self) -> Iterator[Score]:
        """Scores and differences of all views, for the CSV."""
        yield from self.scores.values()
        yield from (one for view in (NO_IMAGE, WRONG_IMAGE) if (one := self.difference(view)))


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
        score = score_of(self.average.system, name, ALL, SeededInterval(interval, self.seeds, None), self.leaks)
        return replace(score, bases=self.average.bases)


def image_ablations(results: Sequence[Result]) -> tuple[ImageAblation, ...]:
    """The ablation of each policy that was shown no image or a wrong one, in the order of the store.

    The family is the comparisons with the wrong image; those with no image have an interval but no test. Fails when two
    views of one policy have different weights, questions or sampling settings.
    """
    policies = _by_policy(results, (NO_IMAGE, WRONG_IMAGE))
    pairs = {
        (policy, view): _panel(views, view)
        for policy, views in policies.items()
        for view in (NO_IMAGE, WRONG_IMAGE)
        if views.get(view) and views.get(PLAIN)
    }
    tested = [panel for (_, view), panel in pairs.items() if view == WRONG_IMAGE] or list(pairs.values())
    names = tuple(frozenset(system.name for system in panel.systems) for panel in tested)
    compared = compare(list(pairs.values()), Family("worth of the picture", AVG, names)) if pairs else ()
    found = dict(zip(pairs, compared, strict=True))
    return tuple(
        _ablation(policy, views, {view: found[policy, view] for view in views if (policy, view) in found})
        for policy, views in policies.items()
    )


def _panel(views: ResultsByView, view: str) -> Panel:
    """The panel of a comparison with `view` as the baseline of the plain view."""
    ordered = [result for name in (view, PLAIN) for result in views[name].values()]
    runs = [SystemRun.from_result(result, f"{result.key}.json") for result in ordered]
    (panel,) = panels(systems(runs), ("prompts",))
    return panel


def _ablation(policy: SystemKey, views: ResultsByView, comparisons: Mapping[str, Comparison]) -> ImageAblation:
    every = [result for seeds in views.values() for result in seeds.values()]
    found = _averages(every)
    averages = {view: found[name] for view in views if (name := row_name(policy.method, view)) in found}
    seeds = len({result.run for result in every})
    return ImageAblation(tuple(every), policy, averages, comparisons, seeds, not_clean(every))


def option_rotations(results: Sequence[Result]) -> tuple[OptionRotation, ...]:
    """Each policy whose options were rotated, in the order of the store; fails as `image_ablations`."""
    found = _by_policy(results, (ROTATIONS,)).items()
    return tuple(_rotation(policy, views) for policy, views in found if views[ROTATIONS])


def _rotation(policy: SystemKey, views: ResultsByView) -> OptionRotation:
    rotated = list(views[ROTATIONS].values())
    every = [*views.get(PLAIN, {}).values(), *rotated]
    found, leaks = _averages(every), not_clean(every)
    average = found[row_name(policy.method, ROTATIONS)]
    changes = {score.metric: score for score in differences_of(every, average.system, policy.method)}
    tables = [questions_of(result) for result in rotated]
    clusters = tables[0]["cluster"].to_numpy()
    all_right = {name: np.stack([table[name].to_numpy(dtype=float) for table in tables]) for name in ALL_RIGHT}
    # Summed over seeds question by question, so that each question counts once in an interval.
    counts = [stored_letter_counts(table) for table in tables]
    names = ("chosen", "readable", "right", "asked")
    chosen, readable, right, asked = (np.sum([getattr(one, name) for one in counts], axis=0) for name in names)
    return OptionRotation(
        results=tuple(every),
        policy=policy,
        given=found.get(policy.method),
        average=average,
        change=changes.get(minus(AVG, policy.method)),
        all_right={
            name: replace(
                score_of(average.system, name, ALL, seeded_interval(shares, clusters), leaks), bases=average.bases
            )
            for name, shares in all_right.items()
        },
        bias=position_bias(LetterCounts(chosen, readable, right, asked, clusters)),
        seeds=len(rotated),
        leaks=leaks,
    )


def _by_policy(results: Sequence[Result], wanted: Sequence[str]) -> dict[SystemKey, ResultsByView]:
    """Results under the plain view and the `wanted` ones, of every policy that has one of the latter.

    Restricted to the seeds that ran under all of these views, so that views differ only in what was shown.
    """
    found: dict[SystemKey, dict[str, dict[RunKey, Result]]] = {}
    for result in sorted(results, key=lambda one: one.key):
        method, view = split_row(result.method)
        if view in (PLAIN, *wanted):
            policy = replace(system_of(result), method=method)
            found.setdefault(policy, {}).setdefault(view, {})[result.run] = result
    kept: dict[SystemKey, ResultsByView] = {}
    for policy, views in found.items():
        if any(view in views for view in wanted):
            check_same_weights(views)
            shared = set.intersection(*(set(seeds) for seeds in views.values()))
            kept[policy] = {view: {seed: seeds[seed] for seed in sorted(shared)} for view, seeds in views.items()}
    return kept


def _averages(results: Sequence[Result]) -> dict[str, Score]:
    """Avg@5 over all questions, by method and view, from results of one policy."""
    return {score.system.method: score for score in scores(results) if (score.metric, score.category) == (AVG, ALL)}
