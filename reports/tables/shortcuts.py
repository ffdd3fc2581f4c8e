"""What a policy learnt, the image or the list of options: the same weights with their image, without it, and with
balanced options (`anatomy_r1.data.variants`).

A policy that reads the image keeps its score with balanced options and falls to chance without the image. One that
learnt which texts are ever right keeps its score without the image and falls to chance with balanced options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from anatomy_r1.bases import RunKey
from anatomy_r1.data.variants import BALANCED as BALANCED_VARIANT
from anatomy_r1.data.variants import CONFOUNDED, original_name, variant_name
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import BALANCED, NO_IMAGE, PLAIN, row_name, split_row
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import SeededInterval, paired_interval, seeded_interval
from anatomy_r1.scoring.question_table import table_metrics
from anatomy_r1.tables.table import Block, Cell, Column, Document, Row, Table
from reports.scores.names import BENCHMARKS, CONTROLS, MINI, benchmark_title, method_title, model_title, rank
from reports.scores.notes import USE, Marks, leakage_notes, made_from, marked, marks, unfit_notes, warning
from reports.scores.scores import (
    ALL,
    AVG,
    Score,
    SystemKey,
    aligned,
    check_one_profile,
    check_one_set,
    check_same_weights,
    minus,
    not_clean,
    questions_of,
    score_of,
    several_bases,
    system_of,
)
from reports.tables import TableExport
from reports.tables.rows import difference_cell, in_order, score_cell

SHOWN = {PLAIN: "with its image", NO_IMAGE: "without the image", BALANCED: "balanced options"}
"""View -> what the policy was shown, in the order of the columns."""
_NOTE = (
    "Avg@5, in percent, over the seeds that ran under all of a row's views [95 % cluster-robust t interval]. Balanced "
    "options: the same weights are asked the questions that can be balanced, with distractors that say nothing about "
    "the answer; chance is 25 %. Balanced minus given: the same questions, with balanced options minus as given, in "
    "points. A benchmark that is balanced itself has no such columns. Controls read texts alone. How to read this: "
    "docs/blind.md."
)
_EMPTY = (
    "no policy without its image or with balanced options. Run `python -m baselines run --benchmarks "
    "omnimed_mi_confounded_mini omnimed_mi_balanced_mini --methods zero-shot sft grpo --views plain no-image balanced`"
)


@dataclass(frozen=True, eq=False)
class Shortcut:
    """One policy, or one control, under the views that it ran."""

    policy: SystemKey
    scores: dict[str, Score]
    """View -> Avg@5."""
    change: Score | None
    """Balanced minus given, on the questions of both."""
    results: tuple[Result, ...]


def shortcuts(results: Sequence[Result]) -> tuple[Shortcut, ...]:
    """Every policy that was asked without its image or with balanced options, and the controls beside it; pure.

    Fails when results of several profiles or sets of questions are mixed, or views of other weights.
    """
    check_one_profile(results)
    check_one_set(results)
    policies: dict[SystemKey, dict[str, dict[RunKey, Result]]] = {}
    for result in sorted(results, key=_place):
        method, view = split_row(result.method)
        if view in SHOWN:
            policy = replace(system_of(result), method=method)
            policies.setdefault(policy, {}).setdefault(view, {})[result.run] = result
    asked = {policy: views for policy, views in policies.items() if {NO_IMAGE, BALANCED} & set(views)}
    places = {(policy.benchmark, policy.model, policy.arm) for policy in asked}
    beside = {
        policy: {PLAIN: views[PLAIN]}
        for policy, views in policies.items()
        if policy.method in CONTROLS and (policy.benchmark, policy.model, policy.arm) in places and PLAIN in views
    }
    found = {policy: asked.get(policy) or beside.get(policy) for policy in policies}
    return tuple(_shortcut(policy, views) for policy, views in found.items() if views)


def _place(result: Result) -> tuple[object, ...]:
    """Sort key: a benchmark before its variants, the confounded one before the balanced one, then as in all tables."""
    original = original_name(result.benchmark)
    variants = [variant_name(original, variant) for variant in (None, CONFOUNDED, BALANCED_VARIANT)]
    return (rank(BENCHMARKS, original.removesuffix(MINI)), variants.index(result.benchmark), in_order(result))


def _shortcut(policy: SystemKey, views: dict[str, dict[RunKey, Result]]) -> Shortcut:
    shared = sorted(set.intersection(*(set(seeds) for seeds in views.values())))
    if not shared:
        raise AnatomyR1Error(f"{policy.benchmark}, {policy.method}: its views share no seed. Fix: run the same seeds")
    kept = {view: [views[view][seed] for seed in shared] for view in SHOWN if view in views}
    every = tuple(result for of in kept.values() for result in of)
    check_same_weights(views)
    bases = len({run.base for run in shared})
    found = {view: replace(_average(policy, view, of, not_clean(every)), bases=bases) for view, of in kept.items()}
    change = _change(policy, kept[PLAIN], kept[BALANCED]) if {PLAIN, BALANCED} <= set(kept) else None
    return Shortcut(policy, found, change and replace(change, bases=bases), every)


def _average(policy: SystemKey, view: str, results: Sequence[Result], leaks: tuple[str, ...]) -> Score:
    row = replace(policy, method=row_name(policy.method, view))
    tables = aligned(results)
    shares = np.stack([table_metrics(table)[AVG] for table in tables])
    return score_of(row, AVG, ALL, seeded_interval(shares, tables[0]["cluster"].to_numpy()), leaks)


def _change(policy: SystemKey, given: Sequence[Result], balanced: Sequence[Result]) -> Score:
    """Balanced minus given on the questions of both, averaged over seeds first."""
    tables = [[_indexed(result) for result in side] for side in (balanced, given)]
    common = tables[0][0].index.intersection(tables[1][0].index)  # the balanced set may be of a larger sample
    if common.empty:
        where = f"{policy.benchmark}, {policy.method}"
        raise AnatomyR1Error(f"{where}: no question in both views. Fix: balance the benchmark's own sample")
    shares = [np.stack([table_metrics(table.loc[common].reset_index())[AVG] for table in side]) for side in tables]
    clusters = tables[0][0].loc[common, "cluster"].to_numpy()
    spread = float((shares[0] - shares[1]).mean(axis=1).std(ddof=1)) if len(given) > 1 else None
    interval = paired_interval(shares[0].mean(axis=0), shares[1].mean(axis=0), clusters)
    seeded = SeededInterval(interval, len(given), spread)
    row = replace(policy, method=row_name(policy.method, BALANCED))
    return score_of(row, minus(AVG, "given"), ALL, seeded, not_clean([*given, *balanced]))


def _indexed(result: Result) -> pd.DataFrame:
    return questions_of(result).set_index("id")


def export(results: Sequence[Result]) -> TableExport:
    """The table as it is written; fails as `shortcuts`, or when nothing ran under these views."""
    found = shortcuts(results)
    if not found:
        raise AnatomyR1Error(_EMPTY)
    known = marks(results)
    blocks = tuple(
        Block(f"{benchmark_title(benchmark)}: {model_title(model, paper_beside=False)}", tuple(rows))
        for (benchmark, model), rows in _rows(found, known).items()
    )
    scores = [score for one in found for score in (*one.scores.values(), one.change) if score]
    titles = (*SHOWN.values(), "balanced minus given", "questions", "runs" if several_bases(scores) else "seeds")
    table = Table(
        "shortcuts",
        "The image or the options?",
        "Policy",
        tuple(Column(one, "Avg@5, percent") for one in titles),
        blocks,
        (_NOTE,),
    )
    used = list({result.key: result for one in found for result in one.results}.values())
    below = (*unfit_notes(used), *leakage_notes(scores), made_from(used, scores), USE)
    title = f"Anatomy-R1, shortcuts: profile {results[0].profile}"
    return TableExport(Document(title, warning(results), (table,), below), scores)


def _rows(found: Sequence[Shortcut], known: Marks) -> dict[tuple[str, str], list[Row]]:
    rows: dict[tuple[str, str], list[Row]] = {}
    for one in found:
        first = next(iter(one.scores.values()))
        views = [replace(one.policy, method=result.method) for result in one.results]
        counts = "/".join(dict.fromkeys(str(score.questions) for score in one.scores.values()))
        cells = (
            *(score_cell(one.scores.get(view)) for view in SHOWN),
            *(difference_cell(one.change), Cell(counts), Cell(str(first.seeds))),
        )
        title = marked(method_title(one.policy.method, one.policy.arm), dict.fromkeys(views), known)
        rows.setdefault((one.policy.benchmark, one.policy.model), []).append(Row(title, cells))
    return rows
