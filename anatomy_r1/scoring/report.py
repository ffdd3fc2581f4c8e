"""Scores as text for a terminal, and as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from anatomy_r1.scoring.extraction import reason_counts, unread_shares
from anatomy_r1.scoring.intervals import Interval, cluster_intervals
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.position_bias import position_bias
from anatomy_r1.scoring.question_table import letter_counts, question_table, rotation_scores, table_metrics
from anatomy_r1.scoring.score import Scores
from anatomy_r1.scoring.validity import validity_problems

_METRICS = (f"avg@{K}", "pass@1", f"major@{K}", "greedy", "parse_rate", "truncation_rate")
_WITH_INTERVAL = (f"avg@{K}", "pass@1", f"major@{K}", "greedy", f"avg@{K}_lenient", "parsed", "truncated")
_EXTRACTION = (f"avg@{K}", f"avg@{K}_lenient", "format_failure_rate", "several_rate", "refusal_rate", "truncation_rate")


def as_text(scores: Scores, further: Sequence[str] = ()) -> str:
    """Metrics and extraction rates by category and overall, in percent; reasons; what makes the run unfit.

    `further` are lines of other checks; they stand before the reasons against the run.
    """
    unfit = [f"UNFIT: {reason}" for reason in validity_problems(scores)]
    return "\n".join([*_lines(scores), *(["", *further] if further else []), *unfit])


def as_json(scores: Scores, further: Mapping[str, Any] | None = None) -> str:
    """What was run, metrics overall and by category, how often each extractor gave which reason, and diagnostics;
    `further` are keys of other checks.
    """
    counts = reason_counts(scores.extractions)
    content = {
        "benchmark": scores.benchmark,
        "run": scores.run,
        "plan": scores.plan,
        "clusters": len(set(scores.clusters)),
        "overall": scores.overall,
        "by_category": scores.by_category,
        "intervals": {
            name: [one.mean, one.low, one.high]
            for name, interval in intervals(scores).items()
            for one in [interval.within()]
        },
        "reasons": counts["strict"],
        "lenient_reasons": counts["lenient"],
        "unread": unread_shares(scores.extractions),
        **diagnostics(scores),
        **(further or {}),
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)


def intervals(scores: Scores) -> dict[str, Interval]:
    """Means over all questions with 95 % intervals, robust to correlation within clusters (docs/statistics.md).

    The metrics that a question table has, as shares: the four metrics, Avg@5 by the lenient extractor, and the shares
    of responses. The rotations of a question are averaged first, so that it counts once.
    """
    table = question_table(scores)
    found = table_metrics(table)
    rows = cluster_intervals(np.stack([*found.values()]), table["cluster"].to_numpy())
    return dict(zip(found, rows, strict=True))


def interval_line(scores: Scores, *, truncation_known: bool = True) -> str:
    """The metrics over all questions in percent, each with its interval; the share cut off only if it is known."""
    shown = {name: one.within() for name, one in intervals(scores).items() if name in _WITH_INTERVAL}
    if not truncation_known:
        shown.pop("truncated", None)
    told = ", ".join(f"{name} {_interval(one)}" for name, one in shown.items())
    return f"All, with 95 % intervals over clusters: {told}"


def diagnostics(scores: Scores) -> dict[str, Any]:
    """For JSON: position bias, scores under all rotations if these were asked, and what makes the run unfit."""
    bias = position_bias(letter_counts(scores))
    return {
        "positions": bias.as_dict() if bias else None,
        **({"rotations": rotation_scores(question_table(scores)).as_dict()} if scores.rotated else {}),
        "unfit": list(validity_problems(scores)),
    }


def _lines(scores: Scores) -> Iterator[str]:
    note = "; each rotation of a question is a line of its own in n" if scores.rotated else ""
    yield f"{scores.benchmark}, run {scores.run}: {len(set(scores.clusters))} clusters, percent{note}"
    yield from _table(scores, _METRICS)
    yield interval_line(scores)
    yield ""
    yield f"Extraction: avg@{K} by the strict extractor, which decides, and by the lenient one; shares of responses"
    yield from _table(scores, _EXTRACTION)
    unread = unread_shares(scores.extractions)
    strict, lenient = (f"{100 * unread[name]:.1f}" for name in ("strict", "lenient"))
    yield f"Unread: {strict} by the strict extractor, {lenient} by the lenient one"
    for extractor, counts in reason_counts(scores.extractions).items():
        shares = (f"{reason} {100 * count / (K * len(scores.ids)):.1f}" for reason, count in counts.items())
        yield f"Reasons, {extractor}: {', '.join(shares)}"
    yield from _rotations(scores)
    yield from _position_bias(scores)


def _table(scores: Scores, names: Sequence[str]) -> Iterator[str]:
    widths = {name: max(len(name), 7) + 2 for name in names}
    yield f"{'':28}{'n':>7}" + "".join(f"{name:>{width}}" for name, width in widths.items())
    for label, values in (*scores.by_category.items(), ("all", scores.overall)):
        shares = "".join(f"{100 * values[name]:>{width}.1f}" for name, width in widths.items())
        yield f"{label:28}{values['n']:>7.0f}{shares}"


def _rotations(scores: Scores) -> Iterator[str]:
    if scores.rotated:
        found = rotation_scores(question_table(scores))
        count = f"{found.questions} questions, {found.rotations} prompts"
        greedy, major = (_interval(found.all_right[name].within()) for name in ("all_right_greedy", "all_right_major"))
        right = f"right under every rotation, greedy response {greedy}, major@{K} {major}"
        yield ""
        yield f"Rotations: {count}; a question's rotations averaged first"
        yield f"  avg@{K} {_interval(found.average.within())}; {right}"


def _position_bias(scores: Scores) -> Iterator[str]:
    if bias := position_bias(letter_counts(scores)):
        yield ""
        yield "Letters: share of the readable answers, share that is right there, excess, recall [95 % intervals]"
        for one in bias.letters:
            recall = _interval(one.recall.within()) if one.recall else "none right"
            shares = f"{100 * one.chosen:6.1f} {100 * one.gold:6.1f}"
            yield f"  {one.letter} {shares}   {_interval(one.excess, '+')}   {recall}"
        yield f"  {bias.preferred}; moved {100 * bias.moved:.1f}, RStd {100 * bias.recall_sd:.1f}"


def _interval(interval: Interval, sign: str = "") -> str:
    if interval.low is None or interval.high is None:
        return f"{100 * interval.mean:{sign}.1f} [no interval]"
    return f"{100 * interval.mean:{sign}.1f} [{100 * interval.low:{sign}.1f}, {100 * interval.high:{sign}.1f}]"
