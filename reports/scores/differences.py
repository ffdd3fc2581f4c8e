"""Paired differences: what two methods that answered the same questions differ by, with a cluster-robust interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import SeededInterval, paired_interval
from anatomy_r1.scoring.question_table import table_metrics
from reports.scores.names import METRICS, is_view
from reports.scores.scores import ALL, Group, Score, group_of, not_clean, questions_of, score_of

Cells = Mapping[tuple[Group, int], Result]
"""(group, seed) -> result."""


def minus(metric: str, other: str) -> str:
    """Name of a metric's difference to another method, so that it is never taken for the metric."""
    return f"{metric} minus {other}"


def differences(results: Sequence[Result], other: str) -> tuple[Score, ...]:
    """Each method's difference to `other` in points, under the same benchmark, model and arm; views have none.

    Seeds that both ran are averaged question by question first. There is no difference where the two share no seed, or
    answered other questions.
    """
    cells = {(group_of(result), result.seed): result for result in sorted(results, key=lambda result: result.key)}
    groups = dict.fromkeys(group for group, _ in cells if group.method != other and not is_view(group.method))
    return tuple(score for group in groups for score in _against(cells, group, replace(group, method=other), other))


def between(results: Sequence[Result], group: Group, other: str) -> tuple[Score, ...]:
    """The difference of one group to the method (or view) `other`, in every metric; none as in `differences`."""
    cells = {(group_of(result), result.seed): result for result in results}
    return tuple(_against(cells, group, replace(group, method=other), other))


def between_arms(results: Sequence[Result], arm: str, other: str) -> tuple[Score, ...]:
    """What each method in `arm` differs by from itself in the arm `other`, as `differences`."""
    cells = {(group_of(result), result.seed): result for result in sorted(results, key=lambda result: result.key)}
    groups = dict.fromkeys(group for group, _ in cells if group.arm == arm)
    return tuple(score for group in groups for score in _against(cells, group, replace(group, arm=other), other))


def of_cells_in(results: Sequence[Result], arm: str) -> list[Result]:
    """Results of any arm whose cell ran in `arm` too, so that differences in both are over the same seeds."""

    def cell(result: Result) -> tuple[str, str, str, int]:
        return (result.benchmark, result.model, result.method, result.seed)

    ran = {cell(result) for result in results if result.arm == arm}
    return [result for result in results if cell(result) in ran]


def _against(cells: Cells, group: Group, base: Group, other: str) -> Iterator[Score]:
    seeds = sorted(seed for of, seed in cells if of == group and (base, seed) in cells)
    first = [questions_of(cells[group, seed]) for seed in seeds]
    second = [questions_of(cells[base, seed]) for seed in seeds]
    if not seeds or not all(_same_questions(cells[group, s], cells[base, s]) for s in seeds):
        return
    leaks = not_clean(cells[one, seed] for one in (group, base) for seed in seeds)
    shares = [[table_metrics(table) for table in tables] for tables in (first, second)]
    for metric in METRICS:
        a, b = (np.stack([one[metric] for one in of]) for of in shares)
        yield score_of(group, minus(metric, other), ALL, _seeded(a, b, first[0]["cluster"].to_numpy()), leaks)


def _seeded(a: np.ndarray, b: np.ndarray, clusters: np.ndarray) -> SeededInterval:
    """From shares of shape [seeds, questions] of both methods."""
    spread = float((a - b).mean(axis=1).std(ddof=1)) if len(a) > 1 else None
    return SeededInterval(paired_interval(a.mean(axis=0), b.mean(axis=0), clusters), len(a), spread)


def _same_questions(first: Result, second: Result) -> bool:
    """The same ids in the same clusters and, where both results name their data, the same data: ids may be reused."""
    columns = ["id", "cluster"]
    named = {hash_ for hash_ in map(_data_hash, (first, second)) if hash_ is not None}
    return len(named) <= 1 and questions_of(first)[columns].equals(questions_of(second)[columns])


def _data_hash(result: Result) -> str | None:
    data = result.provenance.get("data")
    return data.get("questions_sha256") if isinstance(data, Mapping) else None
