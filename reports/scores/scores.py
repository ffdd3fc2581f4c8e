"""Scores and paired differences: every number that the tables show, in percent with its interval, from stored results.

A score belongs to one system and covers all its training seeds. Where a leakage passport shows that training and test
questions overlap, the score lists the kinds of overlap and is printed with `MARK`. Results stored before leakage
passports existed have none; their scores carry no mark. Avg@5 over all questions is printed with `BLIND_MARK` where it
is not above the best rule that sees no image; results without a record of that rule carry no mark either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from anatomy_r1.bases import RunKey
from anatomy_r1.comparison.retraining import RetrainingInterval, retraining_interval
from anatomy_r1.data.leakage.passport import LEAKS, from_dict
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import BesideBlind, BlindDifference, beside_blind
from anatomy_r1.evaluation.views import PLAIN, asked_benchmark, split_row
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import RESTORE, Result
from anatomy_r1.scoring.intervals import SeededInterval, paired_interval, seeded_interval
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import LENIENT, table_metrics
from reports.scores.names import METRICS, is_view

AVG = f"avg@{K}"
ALL = ""
"""The category of a score over all questions."""
MARK = "†"
"""Printed behind a score that is not clean."""
BLIND_MARK = "‡"
"""Printed behind an Avg@5 that is not above the best rule that sees no image."""


@dataclass(frozen=True, slots=True)
class SystemKey:
    """What one row of a table is about: a method and arm on one benchmark and model, with all its seeds."""

    benchmark: str
    model: str
    method: str
    arm: str


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one system, in percent."""

    system: SystemKey
    metric: str
    """`avg@5`, `pass@1`, `major@5`, `greedy`, `parsed` or `truncated`; and, where the store has them, `avg@5_lenient`,
    `malformed`, `several` and `refused`."""
    category: str
    """Anatomy or question type; `ALL` for all questions."""
    percent: float
    low: float | None
    high: float | None
    """Bounds of the 95 % interval; None where a single cluster gives none."""
    se: float | None
    clusters: int
    questions: int
    seeds: int
    """Runs: every base under every seed."""
    seed_sd: float | None
    """Standard deviation of the runs' means, in points; None for one."""
    not_clean: tuple[str, ...] = ()
    """Kinds of leakage between training and test questions, as far as the passports show."""
    bases: int = 1
    """Bases that the runs started from."""
    method: tuple[float, float] | None = None
    """Bounds of the 95 % interval for the method: over clusters, seeds and bases, while `low` and `high` are of these
    weights (`anatomy_r1.comparison.retraining`). None where there are too few seeds or bases, and for the scores of a
    model with one base; a difference then has that over clusters and seeds."""
    not_above_blind: bool = False
    """Whether this is Avg@5 over all questions, and known not to be above the best blind rule."""

    def shown(self, decimals: int = 2) -> str:
        """The number as printed, with `MARK` where it is not clean and `BLIND_MARK` where a blind rule does as well."""
        marks = f"{MARK if self.not_clean else ''}{BLIND_MARK if self.not_above_blind else ''}"
        return f"{self.percent:.{decimals}f}{marks}"


ScoreKey = tuple[SystemKey, str, str]
"""System, metric, category: identifies a score."""


class SameRuns(tuple[Result, ...]):
    """Results as the key of a cache: equal if they are the same objects, which nothing changes once they are loaded."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameRuns) and tuple(map(id, self)) == tuple(map(id, other))

    def __hash__(self) -> int:
        return hash(tuple(map(id, self)))


def system_of(result: Result) -> SystemKey:
    """The system that a result is one run of."""
    return SystemKey(result.benchmark, result.model, result.method, result.arm)


def by_system(results: Iterable[Result]) -> dict[SystemKey, list[Result]]:
    """The runs of each system, systems by key, runs by base and seed."""
    found: dict[SystemKey, list[Result]] = {}
    for result in sorted(results, key=lambda one: (_place(system_of(one)), one.run)):
        found.setdefault(system_of(result), []).append(result)
    return found


def _place(system: SystemKey) -> str:
    return f"{system.benchmark}/{system.model}/{system.method}/{system.arm}/"  # as paths are sorted


def several_bases(found: Iterable[Score]) -> bool:
    """Whether any score is over several bases: only then do tables tell the method from these weights."""
    return any(score.bases > 1 for score in found)


def by_key(scores: Iterable[Score]) -> dict[ScoreKey, Score]:
    """Scores indexed by system, metric and category."""
    return {(score.system, score.metric, score.category): score for score in scores}


def scores(results: Sequence[Result]) -> tuple[Score, ...]:
    """All metrics of all systems over all questions, and Avg@5 by either extractor also by category.

    Raises:
        AnatomyR1Error: when results do not belong in one table (several profiles, several sets of questions of one
            benchmark, a seed that occurs twice, or runs of one system that were asked otherwise).
    """
    check_one_profile(results)
    check_one_set(results)
    systems = by_system(results).items()
    return tuple(score for system, runs in systems for score in _scores_of_system(system, SameRuns(runs)))


_CACHED = 1024
"""Systems whose numbers are kept: a site shows them in many tables (our choice; the committed store has 103)."""


@lru_cache(maxsize=_CACHED)
def _scores_of_system(system: SystemKey, results: SameRuns) -> tuple[Score, ...]:
    return tuple(_computed_scores(system, results))


def _computed_scores(system: SystemKey, results: Sequence[Result]) -> Iterator[Score]:
    tables, leaks = aligned(results), not_clean(results)
    clusters, categories = tables[0]["cluster"].to_numpy(), tables[0]["category"].to_numpy()
    seeds = [table_metrics(table) for table in tables]
    shared = [metric for metric in seeds[0] if all(metric in seed for seed in seeds)]
    values = {metric: np.stack([seed[metric] for seed in seeds]) for metric in shared}  # [seeds, questions]
    blind, bases = beside_blind_of(results), len({result.base for result in results})
    not_above = isinstance(blind, BlindDifference) and blind.not_above
    for metric, shares in values.items():
        score = score_of(system, metric, ALL, seeded_interval(shares, clusters), leaks)
        method = retraining_interval(shares, clusters, [one.run for one in results]) if bases > 1 else None
        yield replace(score, not_above_blind=not_above and metric == AVG, bases=bases, method=_bounds(method))
    for category in sorted(set(categories)):
        chosen = categories == category
        for metric in (AVG, LENIENT):
            if metric in values:
                interval = seeded_interval(values[metric][:, chosen], clusters[chosen])
                yield replace(score_of(system, metric, str(category), interval, leaks), bases=bases)


def beside_blind_of(seeds: Iterable[Result]) -> BesideBlind:
    """The difference of one system from the best blind rule in Avg@5, from all its seeds on the same questions."""
    return _beside_blind(SameRuns(seeds))


@lru_cache(maxsize=_CACHED)
def _beside_blind(ordered: SameRuns) -> BesideBlind:
    return beside_blind([questions_of(one) for one in ordered], [one.provenance.get("blind") for one in ordered])


def score_of(system: SystemKey, metric: str, category: str, seeded: SeededInterval, leaks: tuple[str, ...]) -> Score:
    """An interval of shares as a score in percent; `leaks` are those of all the results behind it."""
    interval = seeded.interval
    return Score(
        system=system,
        metric=metric,
        category=category,
        percent=100 * interval.mean,
        low=_percent(interval.low),
        high=_percent(interval.high),
        se=_percent(interval.se),
        clusters=interval.clusters,
        questions=interval.n,
        seeds=seeded.seeds,
        seed_sd=_percent(seeded.spread),
        not_clean=leaks,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def parsed_lenient(results: Iterable[Result]) -> dict[SystemKey, float | None]:
    """Share of its responses that the lenient extractor reads, in percent, of each system: mean over its seeds.

    None unless it was recorded for every seed. It has no interval: stores keep it for a run, not for a question.
    """
    shares: dict[SystemKey, list[float | None]] = {}
    for result in results:
        shares.setdefault(system_of(result), []).append(result.parsed_lenient)
    known = {system: [one for one in of if one is not None] for system, of in shares.items()}
    return {
        system: 100 * sum(known[system]) / len(of) if len(known[system]) == len(of) else None
        for system, of in shares.items()
    }


def questions_of(result: Result) -> pd.DataFrame:
    """A result's question table, sorted by question id so that results can be compared row by row."""
    return result.questions.sort_values("id", ignore_index=True)


def aligned(seeds: Sequence[Result]) -> list[pd.DataFrame]:
    """The question tables of one system's runs, all in the same order of questions.

    Raises:
        AnatomyR1Error: A run occurs twice, or was asked other questions, or otherwise.
    """
    tables = [questions_of(result) for result in seeds]
    for index, (result, table) in enumerate(zip(seeds, tables, strict=True)):
        if result.run in {other.run for other in seeds[:index]}:
            raise AnatomyR1Error(f"{result.key}: this seed occurs twice. Fix: pass one result store at a time")
        if not table[["id", "cluster", "category"]].equals(tables[0][["id", "cluster", "category"]]):
            raise AnatomyR1Error(
                f"{result.key}: different questions from {seeds[0].key}. Fix: evaluate both on the same test set"
            )
        if (differing := _asked(seeds[0], result)) is not None:
            fix = "Fix: run one of them again, or pass one result store at a time"
            raise AnatomyR1Error(f"{result.key}: is no further run of {seeds[0].key}: {differing}. {fix}")
        if table.empty:
            raise AnatomyR1Error(f"{result.key}: no questions. Fix: run the cell again")
    return tables


def _asked(first: Result, second: Result) -> str | None:
    """In what two runs of one system differ although they may not, as far as it was recorded; None if in nothing."""
    pairs = {
        "the wording of the prompts": [one.provenance.get("prompt") for one in (first, second)],
        "sampling arguments": [stated(one.provenance, "sampling", "decoding") for one in (first, second)],
    }
    if first.style != second.style:
        return f"prompt style {first.style} and {second.style}"
    if bool(first.base) != bool(second.base):
        return "one names its base and one does not"
    return next((name for name, (a, b) in pairs.items() if a is not None and b is not None and a != b), None)


def check_one_profile(results: Sequence[Result]) -> None:
    """Fail unless all results come from one profile."""
    profiles = sorted({result.profile for result in results})
    if len(profiles) > 1:
        raise AnatomyR1Error(
            f"results of several profiles ({', '.join(profiles)}), but a table shows one. Fix: pass one store"
        )


def check_same_weights(views: Mapping[str, Mapping[RunKey, Result]]) -> None:
    """Fail unless all views of a policy (view -> run -> result) are of one run's weights, as far as they are known."""
    for run, plain in views.get(PLAIN, {}).items():
        for other in (of[run] for of in views.values() if run in of):
            weights = [stated(one.provenance, "sampling", "weights") for one in (plain, other)]
            if None not in weights and weights[0] != weights[1]:
                raise AnatomyR1Error(f"{other.key}: weights differ from {plain.key}. Fix: run both again")


def check_one_set(results: Iterable[Result]) -> None:
    """Fail unless all results of a benchmark answer one set of questions, as far as they name it: ids may be reused."""
    known: dict[str, tuple[str, str]] = {}
    for result in results:
        data = stated(result.provenance, "data", "questions_sha256")
        benchmark = asked_benchmark(result.benchmark, split_row(result.method)[1])
        if data is None:
            continue
        first, key = known.setdefault(benchmark, (data, result.key))
        if first != data:
            problem = f"{result.key}: answers other questions of {benchmark} than {key}"
            raise AnatomyR1Error(f"{problem}, so they do not belong in one table. Fix: pass one result store at a time")


def not_clean(results: Iterable[Result]) -> tuple[str, ...]:
    """Kinds of leakage that any of the passports shows, in the order of `LEAKS`; fails on one that cannot be read."""
    found: set[str] = set()
    for result in results:
        if "leakage" in result.provenance:
            try:
                found.update(from_dict(result.provenance["leakage"]).not_clean)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise AnatomyR1Error(
                    f"{result.key}: its leakage passport cannot be read ({error}). Fix: {RESTORE}"
                ) from error
    return tuple(kind for kind in LEAKS if kind in found)


ResultsByRun = Mapping[tuple[SystemKey, RunKey], Result]
"""(system, base and seed) -> result."""


def minus(metric: str, other: str) -> str:
    """Name of a metric's difference from another method, so that it cannot be mistaken for the metric itself."""
    return f"{metric} minus {other}"


def differences(results: Sequence[Result], other: str) -> tuple[Score, ...]:
    """Difference of each method from the method `other`, under the same benchmark, model and arm; views have none.

    Scores are first averaged, question by question, over the bases and seeds that both ran. Two systems that share
    none, or that answered different questions, have no difference.
    """
    known = _by_run(results)
    systems = dict.fromkeys(system for system, _ in known if system.method != other and not is_view(system.method))
    return tuple(
        score for system in systems for score in _difference(known, system, replace(system, method=other), other)
    )


def differences_of(results: Sequence[Result], system: SystemKey, other: str) -> tuple[Score, ...]:
    """Difference of one system from the method (or view) `other`, in every metric, as in `differences`."""
    return tuple(_difference(_by_run(results), system, replace(system, method=other), other))


def differences_between_arms(results: Sequence[Result], arm: str, other: str) -> tuple[Score, ...]:
    """Difference of each method in `arm` from itself in the arm `other`, as in `differences`."""
    known = _by_run(results)
    systems = dict.fromkeys(system for system, _ in known if system.arm == arm)
    return tuple(score for system in systems for score in _difference(known, system, replace(system, arm=other), other))


def with_seeds_of_arm(results: Sequence[Result], arm: str) -> list[Result]:
    """Results of all arms, restricted to each method's seeds that ran in `arm`, so that arms can be compared."""
    ran = {(system_of(result), result.run) for result in results if result.arm == arm}
    return [result for result in results if (replace(system_of(result), arm=arm), result.run) in ran]


def _by_run(results: Iterable[Result]) -> ResultsByRun:
    return {(system, result.run): result for system, runs in by_system(results).items() for result in runs}


def _difference(known: ResultsByRun, system: SystemKey, base: SystemKey, other: str) -> Iterator[Score]:
    """`system` minus `base` in each metric, named as the difference from `other`."""
    runs = sorted(run for of, run in known if of == system and (base, run) in known)
    pairs = [(known[system, run], known[base, run]) for run in runs]
    if not pairs or not all(_same_questions(*pair) for pair in pairs):
        return
    tables = [[questions_of(result) for result in side] for side in zip(*pairs, strict=True)]
    shares = [[table_metrics(table) for table in side] for side in tables]
    clusters = tables[0][0]["cluster"].to_numpy()
    leaks = not_clean(result for pair in pairs for result in pair)
    for metric in METRICS:
        first, second = (np.stack([one[metric] for one in side]) for side in shares)  # [seeds, questions] each
        spread = float((first - second).mean(axis=1).std(ddof=1)) if len(runs) > 1 else None
        interval = paired_interval(first.mean(axis=0), second.mean(axis=0), clusters)
        score = score_of(system, minus(metric, other), ALL, SeededInterval(interval, len(runs), spread), leaks)
        method = retraining_interval(first - second, clusters, runs)
        yield replace(score, bases=len({run.base for run in runs}), method=_bounds(method))


def _bounds(found: RetrainingInterval | None) -> tuple[float, float] | None:
    return None if found is None else (100 * found.low, 100 * found.high)


def _same_questions(first: Result, second: Result) -> bool:
    """The same ids in the same clusters and, where both results name their data, the same data: ids may be reused."""
    columns = ["id", "cluster"]
    hashes = {stated(result.provenance, "data", "questions_sha256") for result in (first, second)} - {None}
    return len(hashes) <= 1 and questions_of(first)[columns].equals(questions_of(second)[columns])
