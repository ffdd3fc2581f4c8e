"""Results -> scores: every number that a table shows, with its interval, in percent.

What the leakage passports of results say, and how a number that is not clean is marked.

A result without a passport, from before there were any, is neither clean nor not: nothing is marked, and nothing said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd

from anatomy_r1.data.leakage.passport import LEAKS, from_dict
from anatomy_r1.data.leakage.text import TITLES
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import SeededInterval, seeded_interval
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import LENIENT, table_metrics

MARK = "†"


def not_clean(results: Iterable[Result]) -> tuple[str, ...]:
    """Kinds of leak that any of the passports shows, in the order of `LEAKS`.

    Raises:
        AnatomyR1Error: when a passport is there and cannot be read.
    """
    found = {kind for result in results for kind in _leaks(result)}
    return tuple(kind for kind in LEAKS if kind in found)


def _leaks(result: Result) -> tuple[str, ...]:
    if "leakage" not in result.provenance:
        return ()
    try:
        return from_dict(result.provenance["leakage"]).not_clean
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnatomyR1Error(
            f"{result.key}: its leakage passport cannot be read ({error}); delete the result and run the cell again"
        ) from error


def note(kinds: Iterable[str]) -> str:
    """What the mark means; `kinds` are those behind any marked number."""
    wanted = set(kinds)
    shared = "; ".join(TITLES[kind] for kind in LEAKS if kind in wanted)
    return (
        f"{MARK} = not clean: the questions that it was trained on and those that it was tested on share: {shared} "
        "(each result's `leakage`; docs/leakage.md)."
    )


AVG = f"avg@{K}"
ALL = ""
"""The category of a score over all questions."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one row of a table is measured on: the same cell of the grid under all its seeds."""

    benchmark: str
    model: str
    method: str
    arm: str


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one group, in percent."""

    group: Group
    metric: str
    """`avg@5`, `pass@1`, `major@5`, `greedy`, `parsed` or `truncated`; and, where the store has them, `avg@5_lenient`,
    `malformed`, `several` and `refused`."""
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    percent: float
    low: float | None
    high: float | None
    """Bounds of the 95 % interval; None where one cluster allows none."""
    se: float | None
    clusters: int
    questions: int
    seeds: int
    seed_sd: float | None
    """Standard deviation of the seeds' means, in points; None for one seed."""
    not_clean: tuple[str, ...] = ()
    """Kinds of leak between what it was trained and tested on, as far as passports say."""

    def shown(self, decimals: int = 2) -> str:
        """The number as tables print it: with a mark where it is not clean."""
        return f"{self.percent:.{decimals}f}{MARK if self.not_clean else ''}"


Key = tuple[Group, str, str]
"""Group, metric, category: what a score is found by."""


def by_key(scores: Iterable[Score]) -> dict[Key, Score]:
    """Scores where tables look for them."""
    return {(score.group, score.metric, score.category): score for score in scores}


def group_of(result: Result) -> Group:
    """The row that a result belongs to."""
    return Group(result.benchmark, result.model, result.method, result.arm)


def scores(results: Sequence[Result]) -> tuple[Score, ...]:
    """All metrics of all groups, over all questions and, for Avg@5 by either extractor, by category.

    Raises:
        AnatomyR1Error: when results do not belong in one table (profiles mixed, a cell twice, or seeds of one group on
            different questions).
    """
    check_one_profile(results)
    ordered = sorted(results, key=lambda result: result.key)
    return tuple(
        score for group, seeds in groupby(ordered, key=group_of) for score in _group_scores(group, list(seeds))
    )


def _group_scores(group: Group, results: list[Result]) -> Iterable[Score]:
    tables, leaks = _aligned(group, results), not_clean(results)
    clusters, categories = tables[0]["cluster"].to_numpy(), tables[0]["category"].to_numpy()
    seeds = [table_metrics(table) for table in tables]
    shared = [metric for metric in seeds[0] if all(metric in seed for seed in seeds)]
    values = {metric: np.stack([seed[metric] for seed in seeds]) for metric in shared}
    for metric, table in values.items():
        yield score_of(group, metric, ALL, seeded_interval(table, clusters), leaks)
    for category in sorted(set(categories)):
        of = categories == category
        for metric in (AVG, LENIENT):
            if metric in values:
                seeded = seeded_interval(values[metric][:, of], clusters[of])
                yield score_of(group, metric, str(category), seeded, leaks)


def score_of(group: Group, metric: str, category: str, seeded: SeededInterval, leaks: tuple[str, ...] = ()) -> Score:
    """An interval as a score, in percent; `leaks` are those of all results that it is from."""
    interval = seeded.interval
    return Score(
        group=group,
        metric=metric,
        category=category,
        percent=100 * interval.mean,
        low=percent(interval.low),
        high=percent(interval.high),
        se=percent(interval.se),
        clusters=interval.clusters,
        questions=interval.n,
        seeds=seeded.seeds,
        seed_sd=percent(seeded.spread),
        not_clean=leaks,
    )


def percent(share: float | None) -> float | None:
    """A share in percent, or nothing where there is none."""
    return None if share is None else 100 * share


def questions_of(result: Result) -> pd.DataFrame:
    """A result's question table in the one order of questions in which results are put beside each other."""
    return result.questions.sort_values("id", ignore_index=True)


def _aligned(group: Group, seeds: list[Result]) -> list[pd.DataFrame]:
    """The seeds' question tables in one order of questions."""
    if len({result.seed for result in seeds}) < len(seeds):
        raise AnatomyR1Error(f"{group}: a seed stands twice; give each result store on its own")
    tables = [questions_of(result) for result in seeds]
    for result, table in zip(seeds, tables, strict=True):
        if not table[["id", "cluster", "category"]].equals(tables[0][["id", "cluster", "category"]]):
            raise AnatomyR1Error(
                f"{result.key}: other questions than {seeds[0].key}; evaluate both on the same test set"
            )
        if table.empty:
            raise AnatomyR1Error(f"{result.key}: no questions; run the cell again")
    return tables


def check_one_profile(results: Sequence[Result]) -> None:
    """Pass if all results are of one profile.

    Raises:
        AnatomyR1Error: when they are not.
    """
    profiles = sorted({result.profile for result in results})
    if len(profiles) > 1:
        raise AnatomyR1Error(f"results of several profiles ({', '.join(profiles)}); a table shows one: give one store")
