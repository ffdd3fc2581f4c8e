"""What the picture is worth to a policy: its score with the picture less its score with another one, or with none.

The test is `anatomy_r1.comparison`'s, with all policies of the store as one family. It is against the wrong picture:
the prompt then has the form that the policy was trained on, so that a lower score comes from what the picture shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from anatomy_r1.comparison.compare import compare
from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.outcome import Comparison
from anatomy_r1.comparison.panel import Panel, panels
from anatomy_r1.comparison.systems import run_of_result, systems
from anatomy_r1.comparison.verdict import Verdict
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import NO_IMAGE, PLAIN, WRONG_IMAGE, row_name, split_row
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import SeededInterval
from reports.scores.differences import minus
from reports.scores.scores import ALL, AVG, Group, Score, group_of, not_clean, score_of, scores

WORDS: Mapping[Verdict, str] = {
    "better": "uses the image",
    "worse": "scores less with its own image",
    "no detectable difference": "no detectable use of the image",
    "underpowered": "underpowered: no use of the image shown",
}
"""The verdict on the picture against another one, in words."""
Views = Mapping[str, Mapping[int, Result]]
"""View -> seed -> result, of one policy."""


@dataclass(frozen=True, eq=False)
class Worth:
    """What one policy's pictures are worth, over the seeds under which all of its views ran."""

    results: tuple[Result, ...]
    """What it is from."""

    policy: Group
    scores: Mapping[str, Score]
    """View -> Avg@5."""
    differences: Mapping[str, Comparison]
    """View -> plain minus that view; none where they share no seed."""
    leaks: tuple[str, ...]

    @property
    def words(self) -> str:
        """The verdict; empty where no wrong picture was shown."""
        found = self.differences.get(WRONG_IMAGE)
        return WORDS[found.test.verdict] if found and found.test else ""

    def difference(self, view: str) -> Score | None:
        """Plain minus `view` in Avg@5, in points."""
        if view not in self.differences:
            return None
        found = self.differences[view]
        seeded = SeededInterval(found.difference(AVG).interval, len(found.seeds), found.spread)
        return score_of(self.policy, minus(AVG, view), ALL, seeded, self.leaks)


def worths(results: Sequence[Result]) -> tuple[Worth, ...]:
    """Of each policy that was shown no or the wrong picture besides its own, in the order of the store.

    Raises:
        AnatomyR1Error: when two views of one policy are not of the same weights, or did not answer the same questions
            sampled alike.
    """
    policies = by_policy(results)
    pairs = [(group, view, _panel(views, view)) for group, views in policies.items() for view in _compared(views)]
    found = {(group, view): one for (group, view, _), one in zip(pairs, _compare(pairs), strict=True)}
    return tuple(_worth(group, views, found) for group, views in policies.items())


def by_policy(results: Sequence[Result], wanted: Sequence[str] = (NO_IMAGE, WRONG_IMAGE)) -> dict[Group, Views]:
    """Results under the plain view and the `wanted` ones, of every policy that has one of the latter.

    Only seeds under which all of these ran that ran at all, so that views differ in what was shown and nothing else.

    Raises:
        AnatomyR1Error: when two views of one policy and seed are not of the same weights.
    """
    found: dict[Group, dict[str, dict[int, Result]]] = {}
    for result in sorted(results, key=lambda one: one.key):
        method, view = split_row(result.method)
        policy = replace(group_of(result), method=method)
        found.setdefault(policy, {}).setdefault(view, {})[result.seed] = result
    kept: dict[Group, Views] = {
        policy: {view: seeds for view, seeds in views.items() if view in (PLAIN, *wanted)}
        for policy, views in found.items()
        if any(view in views for view in wanted)
    }
    for views in kept.values():
        _check_weights(views)
    return {policy: _common(views) for policy, views in kept.items()}


def _check_weights(views: Views) -> None:
    for seed, plain in views.get(PLAIN, {}).items():
        for other in (seeds[seed] for seeds in views.values() if seed in seeds):
            stated = [one.provenance.get("sampling", {}).get("weights") for one in (plain, other)]
            if None not in stated and stated[0] != stated[1]:
                raise AnatomyR1Error(f"{other.key}: of other weights than {plain.key}; run both again")


def _common(views: Views) -> Views:
    shared = set.intersection(*(set(seeds) for seeds in views.values()))
    return {view: {seed: seeds[seed] for seed in sorted(shared)} for view, seeds in views.items()}


def _compared(views: Views) -> list[str]:
    """Views that the plain one can be held against; tested or not, each is a comparison."""
    return [view for view in (NO_IMAGE, WRONG_IMAGE) if views.get(view) and views.get(PLAIN)]


def _panel(views: Views, view: str) -> Panel:
    """The view as the baseline of the plain one."""
    ordered = [result for name in (view, PLAIN) for result in views[name].values()]
    (panel,) = panels(systems([run_of_result(result, f"{result.key}.json") for result in ordered]), ("prompts",))
    return panel


def _compare(pairs: Sequence[tuple[Group, str, Panel]]) -> Iterator[Comparison]:
    """The family is the comparisons with the wrong picture; those with none have an interval and no test."""
    every = [panel for _, _, panel in pairs]
    tested = [panel for _, view, panel in pairs if view == WRONG_IMAGE] or every
    if every:
        names = tuple(frozenset(system.name for system in panel.systems) for panel in tested)
        yield from compare(every, Family("worth of the picture", AVG, names))


def _worth(group: Group, views: Views, found: Mapping[tuple[Group, str], Comparison]) -> Worth:
    every = [result for seeds in views.values() for result in seeds.values()]
    averaged = averages(every)
    of = {view: averaged[name] for view in views if (name := row_name(group.method, view)) in averaged}
    differences = {view: found[group, view] for view in views if (group, view) in found}
    return Worth(tuple(every), group, of, differences, not_clean(every))


def averages(results: Sequence[Result]) -> dict[str, Score]:
    """Avg@5 over all questions, by method and view, of results of one policy."""
    return {score.group.method: score for score in scores(results) if (score.metric, score.category) == (AVG, ALL)}
