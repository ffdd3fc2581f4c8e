"""Image ablation: a policy's score with its own image, minus its score with a wrong image or with none.

The test is that of `anatomy_r1.comparison`, with all policies of the store as one family. It compares with the wrong
image: the prompt then has the form that the policy was trained on, so a lower score comes from what the image shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from anatomy_r1.comparison.compare import Comparison, compare
from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.panel import Panel, panels
from anatomy_r1.comparison.statistics import Verdict
from anatomy_r1.comparison.systems import SystemRun, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import NO_IMAGE, PLAIN, WRONG_IMAGE, row_name, split_row
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import SeededInterval
from reports.scores.differences import minus
from reports.scores.scores import ALL, AVG, Score, SystemKey, not_clean, score_of, scores, system_of

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
