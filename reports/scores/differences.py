"""Paired differences between systems that answered the same questions, with cluster-robust intervals, in points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from anatomy_r1.provenance import stated
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import SeededInterval, paired_interval
from anatomy_r1.scoring.question_table import table_metrics
from reports.scores.names import METRICS, is_view
from reports.scores.scores import ALL, Score, SystemKey, not_clean, questions_of, score_of, system_of

ResultsBySeed = Mapping[tuple[SystemKey, int], Result]
"""(system, seed) -> result."""


def minus(metric: str, other: str) -> str:
    """Name of a metric's difference from another method, so that it cannot be mistaken for the metric itself."""
    return f"{metric} minus {other}"


def differences(results: Sequence[Result], other: str) -> tuple[Score, ...]:
    """Difference of each method from the method `other`, under the same benchmark, model and arm; views have none.

    Scores are first averaged, question by question, over the seeds that both ran. Two systems that share no seed, or
    that answered different questions, have no difference.
    """
    known = _by_seed(results)
    systems = dict.fromkeys(system for system, _ in known if system.method != other and not is_view(system.method))
    return tuple(
        score for system in systems for score in _difference(known, system, replace(system, method=other), other)
    )


def differences_of(results: Sequence[Result], system: SystemKey, other: str) -> tuple[Score, ...]:
    """Difference of one system from the method (or view) `other`, in every metric, as in `differences`."""
    return tuple(_difference(_by_seed(results), system, replace(system, method=other), other))


def differences_between_arms(results: Sequence[Result], arm: str, other: str) -> tuple[Score, ...]:
    """Difference of each method in `arm` from itself in the arm `other`, as in `differences`."""
    known = _by_seed(results)
    systems = dict.fromkeys(system for system, _ in known if system.arm == arm)
    return tuple(score for system in systems for score in _difference(known, system, replace(system, arm=other), other))


def with_seeds_of_arm(results: Sequence[Result], arm: str) -> list[Result]:
    """Results of all arms, restricted to each method's seeds that ran in `arm`, so that arms can be compared."""

    def run(result: Result) -> tuple[str, str, str, int]:
        return (result.benchmark, result.model, result.method, result.seed)

    ran = {run(result) for result in results if result.arm == arm}
    return [result for result in results if run(result) in ran]


def _by_seed(results: Iterable[Result]) -> ResultsBySeed:
    return {(system_of(result), result.seed): result for result in sorted(results, key=lambda result: result.key)}


def _difference(known: ResultsBySeed, system: SystemKey, base: SystemKey, other: str) -> Iterator[Score]:
    """`system` minus `base` in each metric, named as the difference from `other`."""
    seeds = sorted(seed for of, seed in known if of == system and (base, seed) in known)
    pairs = [(known[system, seed], known[base, seed]) for seed in seeds]
    if not pairs or not all(_same_questions(*pair) for pair in pairs):
        return
    tables = [[questions_of(result) for result in side] for side in zip(*pairs, strict=True)]
    shares = [[table_metrics(table) for table in side] for side in tables]
    clusters = tables[0][0]["cluster"].to_numpy()
    leaks = not_clean(result for pair in pairs for result in pair)
    for metric in METRICS:
        first, second = (np.stack([one[metric] for one in side]) for side in shares)
        yield score_of(system, minus(metric, other), ALL, _paired(first, second, clusters), leaks)


def _paired(first: np.ndarray, second: np.ndarray, clusters: np.ndarray) -> SeededInterval:
    """From both systems' shares, each of shape [seeds, questions]."""
    spread = float((first - second).mean(axis=1).std(ddof=1)) if len(first) > 1 else None
    interval = paired_interval(first.mean(axis=0), second.mean(axis=0), clusters)
    return SeededInterval(interval, len(first), spread)


def _same_questions(first: Result, second: Result) -> bool:
    """The same ids in the same clusters and, where both results name their data, the same data: ids may be reused."""
    columns = ["id", "cluster"]
    hashes = {stated(result.provenance, "data", "questions_sha256") for result in (first, second)} - {None}
    return len(hashes) <= 1 and questions_of(first)[columns].equals(questions_of(second)[columns])
