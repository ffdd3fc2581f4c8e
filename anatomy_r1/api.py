"""The public Python API: results, scores, comparisons and responses, as DataFrames and plain values.

    import anatomy_r1 as ar

    ar.load_results("results/mini", benchmark="sgg_anatomy_mini")      one row per base and seed
    ar.scores("results/mini", arm="matched")                           one row per method, with 95 % intervals
    ar.load_questions("results/mini", method="grpo")                   one row per question, base and seed
    ar.compare(BASELINE, OTHER)                                        the paired difference, tested
    ar.load_responses("log.sqlite", "prepared/sgg")                    one row per response: choice, gold, reason

Scores are in percent and differences in points, as in every table. Paths are `str` or `Path`. A path or a name that
does not exist is an `AnatomyR1Error` that names it and what there is; an empty table is never returned for one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anatomy_r1.comparison.compare import Comparison as FullComparison
from anatomy_r1.comparison.compare import compare as compare_panels
from anatomy_r1.comparison.compare import undeclared_family
from anatomy_r1.comparison.panel import KINDS, Panel, panels
from anatomy_r1.comparison.systems import System, load_systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result, find_store
from anatomy_r1.results.store import load_results as read_store
from anatomy_r1.scoring.complete_run import logged_responses
from anatomy_r1.scoring.extraction import extract_response
from anatomy_r1.scoring.intervals import seeded_interval
from anatomy_r1.scoring.question_table import table_metrics

Names = str | Iterable[str] | None
"""One name, several, or None for all."""
SYSTEM = ("benchmark", "model", "method", "arm")
"""Columns that identify a system: everything about a result but its base and seed."""


def load_results(
    store: str | Path, *, benchmark: Names = None, model: Names = None, method: Names = None, arm: Names = None
) -> pd.DataFrame:
    """Results of a store, one row per result (a method from one base under one seed), with its metrics in percent.

    Columns: `benchmark`, `model`, `method`, `arm`, `base` (empty where the model has one), `seed`, `questions`,
    `clusters`, the metrics (`avg@5`, `pass@1`, `major@5`, `greedy`, `parsed`, `truncated` and, where the store has
    them, `avg@5_lenient`, `malformed`, `several`, `refused`), `parsed_lenient` (share that the lenient extractor reads;
    missing if not recorded), `unfit` (reasons why it should not be compared; empty if none), `commit`.

    `store` is a result store, or the folder that holds it (`results/mini`, `runs/mini`). The other arguments select.

    Raises:
        AnatomyR1Error: there is no store, or it has no result of that name.
    """
    return pd.DataFrame([_row(result) for result in _selected(store, (benchmark, model, method, arm))])


def scores(
    store: str | Path,
    *,
    benchmark: Names = None,
    model: Names = None,
    method: Names = None,
    arm: Names = None,
    metric: str = "avg@5",
) -> pd.DataFrame:
    """Mean of `metric` for each benchmark, model, method and arm, in percent, with its 95 % interval.

    Each question is averaged over bases and seeds first. The interval is cluster-robust (`scoring.intervals`): it says
    what another sample of videos might have shown, not another training. These are the numbers of Table 1.

    Columns: `benchmark`, `model`, `method`, `arm`, the metric, `low`, `high`, `seeds` (runs: bases under seeds),
    `seed_sd` (standard deviation of their means, in points), `questions`, `clusters`, `unfit` (reasons against any of
    the runs; empty if none).

    Raises:
        AnatomyR1Error: as `load_results`; or seeds answered different questions, or a result lacks the metric.
    """
    found = pd.DataFrame({"result": _selected(store, (benchmark, model, method, arm))})
    keys = found["result"].map(lambda result: tuple(getattr(result, name) for name in SYSTEM))
    rows = [_score(key, list(group["result"]), metric) for key, group in found.groupby(keys, sort=False)]
    return pd.DataFrame(rows)


def load_questions(
    store: str | Path, *, benchmark: Names = None, model: Names = None, method: Names = None, arm: Names = None
) -> pd.DataFrame:
    """The question tables of results: one row per question, base and seed, with each metric as a share between 0 and 1.

    Columns: `benchmark`, `model`, `method`, `arm`, `base` (empty where the model has one), `seed`, `id`, `cluster`,
    `category`, and the metrics of `load_results`.

    Raises:
        AnatomyR1Error: as `load_results`.
    """
    tables = []
    for result in _selected(store, (benchmark, model, method, arm)):
        labels = result.questions[["id", "cluster", "category"]].reset_index(drop=True)
        table = labels.assign(**table_metrics(result.questions))
        for place, name in enumerate((*SYSTEM, "base", "seed")):
            table.insert(place, name, getattr(result, name))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class Comparison:
    """One system minus a baseline on the questions that both answered (docs/statistics.md)."""

    baseline: str
    other: str
    benchmark: str
    metric: str
    difference: float
    """Other minus baseline, in points."""
    low: float | None
    high: float | None
    """Bounds of the 95 % interval over clusters, for these weights; None with one cluster."""
    p: float
    """Sign-flip test over clusters, two-sided."""
    smallest_p: float
    """Smallest p that this number of clusters allows."""
    detectable: float | None
    """Minimum detectable difference at 80 % power, in points."""
    verdict: str
    """`better`, `worse`, `no detectable difference` or `underpowered`."""
    these_weights: bool
    """Whether the verdict was not shown to hold for another training (of several bases, from another base)."""
    over_seeds: tuple[float, float] | None
    """95 % interval over clusters and seeds, and over bases where there are several, in points. None with fewer than
    three seeds in common, with two bases, or where a base lacks one of the seeds."""
    seeds: tuple[int, ...]
    """Seeds in common."""
    questions: int
    clusters: int
    gained: tuple[str, ...]
    """Ids of the questions that only the other system answers correctly."""
    lost: tuple[str, ...]
    """Ids of the questions that only the baseline answers correctly."""
    caveats: tuple[str, ...]
    """Conditions that differ and were allowed to, and conditions that were not recorded."""
    reservations: tuple[str, ...] = ()
    """What to read before the verdict: unfit runs, and that the choice of extractor turns the order of the two."""
    bases: tuple[str, ...] = ()
    """Bases in common; empty where the model has one."""
    method_verdict: str = ""
    """The verdict over clusters, seeds and, where there are several, bases; empty where `over_seeds` is None."""

    def __str__(self) -> str:
        bounds = "" if self.low is None else f" [{self.low:+.2f}, {self.high:+.2f}]"
        weights = " (these weights)" if self.these_weights else ""
        p = "p < 0.0001" if self.p < 1e-4 else f"p = {self.p:.4f}"
        before = "".join(f"{line} " for line in self.reservations)
        return (
            f"{before}{self.benchmark}, {self.metric}: {self.other} minus {self.baseline}: "
            f"{self.difference:+.2f}{bounds} points, {self.verdict}{weights}, {p}"
        )


def compare(
    baseline: str | Path,
    other: str | Path,
    *,
    data: str | Path | None = None,
    metric: str = "avg@5",
    smallest_difference: float = 5.0,
    allow_different: str | Collection[str] = (),
    seed: int = 0,
) -> Comparison:
    """Compare two systems on the same questions.

    Args:
        baseline: a folder of a result store (all its seeds), one of its `seed*.json`, or a response log (`LOG#RUN` if
            it holds several runs).
        other: likewise.
        data: prepared set of response logs, or its parent.
        metric: `avg@5`, `pass@1`, `major@5` or `greedy`.
        smallest_difference: of interest, in points; decides between *no detectable difference* and *underpowered*.
        allow_different: kinds of conditions that may differ: `questions`, `prompts`, `sampling`, `arms`, `seeds`.
        seed: of random sign patterns, used with more than 32 clusters.

    Raises:
        AnatomyR1Error: a path holds no system or several, or the two were not made under the same conditions.
    """
    pair = [_one_system(path, data) for path in (baseline, other)]
    if pair[0].name == pair[1].name:
        raise AnatomyR1Error(f"{baseline} and {other}: both are {pair[0].name}. Fix: name one of them apart: NAME=PATH")
    found = panels(pair, _kinds(allow_different))
    family = undeclared_family(found, metric, smallest_difference)
    return _flat(compare_panels(found, family, seed=seed)[0], found[0], metric)


def load_responses(log: str | Path, data: str | Path | None = None, *, run: str | None = None) -> pd.DataFrame:
    """Responses of one run of a response log, one row each, in the order of the questions; also of an incomplete run.

    Columns: `id`, `cluster`, `category`, `decoding` (`sample` or `greedy`), `repeat`, `choice` (letter read by the
    strict extractor; missing if none), `gold`, `correct`, `reason` (how the choice was read, or why not), `lenient`
    (letter read by the lenient extractor), `finish_reason`, `tokens`, `text`.

    Args:
        log: response log.
        data: prepared set, or its parent; otherwise `ANATOMY_R1_DATA`, otherwise `./prepared`.
        run: name of the run, if the log holds several.

    Raises:
        AnatomyR1Error: there is no such log or run, or the data are not those it was made with.
    """
    rows = []
    for question, response in logged_responses(Path(log), data, run):
        read = extract_response(response, question.options)
        rows.append(
            {
                "id": question.id,
                "cluster": question.cluster,
                "category": question.category,
                "decoding": response.key.decoding,
                "repeat": response.key.repeat,
                "choice": read.strict.choice,
                "gold": question.letter,
                "correct": read.strict.choice == question.letter,
                "reason": read.strict.reason,
                "lenient": read.lenient.choice,
                "finish_reason": response.finish_reason,
                "tokens": response.tokens,
                "text": response.full_text,
            }
        )
    return pd.DataFrame(rows)


def _kinds(allowed: str | Collection[str]) -> tuple[str, ...]:
    kinds = (allowed,) if isinstance(allowed, str) else tuple(allowed)
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise AnatomyR1Error(f"allow_different: no condition {unknown[0]!r}. Fix: one of {', '.join(KINDS)}")
    return kinds


def _selected(store: str | Path, wanted: Sequence[Names]) -> list[Result]:
    """Results of a store that have the wanted names, each of which must exist."""
    try:
        kept = read_store(find_store(Path(store)))
    except ValueError as error:
        raise AnatomyR1Error(str(error)) from error
    for name, names in zip(SYSTEM, wanted, strict=True):
        if names is None:
            continue
        asked, known = {names} if isinstance(names, str) else set(names), {getattr(result, name) for result in kept}
        if not asked:
            raise AnatomyR1Error(f"{store}: {name} is empty. Fix: leave it out, or one of {', '.join(sorted(known))}")
        if missing := sorted(asked - known):
            raise AnatomyR1Error(f"{store}: no {name} {missing[0]!r}. Fix: one of {', '.join(sorted(known))}")
        kept = [result for result in kept if getattr(result, name) in asked]
    return kept


def _row(result: Result) -> dict[str, object]:
    metrics = table_metrics(result.questions)
    return {
        **{name: getattr(result, name) for name in (*SYSTEM, "base", "seed")},
        "questions": len(result.questions),
        "clusters": result.questions["cluster"].nunique(),
        **{name: 100 * float(values.mean()) for name, values in metrics.items()},
        "parsed_lenient": _points(result.parsed_lenient),
        "unfit": "; ".join(result.fitness.reasons),
        "commit": str(result.provenance.get("commit") or ""),
    }


def _score(key: tuple[str, ...], seeds: list[Result], metric: str) -> dict[str, object]:
    tables = [result.questions.sort_values("id", ignore_index=True) for result in seeds]
    labels = tables[0][["id", "cluster", "category"]]
    for result, table in zip(seeds, tables, strict=True):
        if not table[labels.columns.tolist()].equals(labels):
            raise AnatomyR1Error(
                f"{result.key}: other questions than {seeds[0].key}. Fix: evaluate both on one test set"
            )
    metrics = [table_metrics(table) for table in tables]
    if lacking := [result.key for result, one in zip(seeds, metrics, strict=True) if metric not in one]:
        raise AnatomyR1Error(f"{lacking[0]}: no metric {metric!r}. Fix: one of {', '.join(metrics[0])}")
    seeded = seeded_interval(np.stack([one[metric] for one in metrics]), labels["cluster"].tolist())
    interval = seeded.interval.within()
    return {
        **dict(zip(SYSTEM, key, strict=True)),
        metric: 100 * interval.mean,
        "low": _points(interval.low),
        "high": _points(interval.high),
        "seeds": seeded.seeds,
        "seed_sd": _points(seeded.spread),
        "questions": interval.n,
        "clusters": interval.clusters,
        "unfit": "; ".join(f"seed {one.run}: {reason}" for one in seeds for reason in one.fitness.reasons),
    }


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _one_system(path: str | Path, data: str | Path | None) -> System:
    found = load_systems([str(path)], None if data is None else Path(data))
    if len(found) != 1:
        names = ", ".join(system.name for system in found[:5])
        raise AnatomyR1Error(f"{path}: holds {len(found)} systems ({names}, ...). Fix: name the folder of one")
    return found[0]


def _flat(full: FullComparison, panel: Panel, metric: str) -> Comparison:
    found, test = full.difference(metric), full.test
    assert test is not None  # the family is this one comparison
    again = full.retrained
    return Comparison(
        baseline=full.baseline.short,
        other=full.other.short,
        benchmark=full.benchmark,
        metric=metric,
        difference=100 * found.interval.mean,
        low=_points(found.interval.low),
        high=_points(found.interval.high),
        p=test.p,
        smallest_p=test.floor,
        detectable=_points(found.detectable),
        verdict=test.verdict,
        these_weights=test.of_these_weights,
        over_seeds=None if again is None else (100 * again.low, 100 * again.high),
        seeds=full.seeds,
        questions=len(panel.questions),
        clusters=found.interval.clusters,
        gained=tuple(flip.id for flip in full.flips.gained),
        lost=tuple(flip.id for flip in full.flips.lost),
        caveats=panel.caveats,
        reservations=full.reservations,
        bases=full.bases,
        method_verdict=test.method.verdict if test.method else "",
    )
