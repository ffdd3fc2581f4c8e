"""Scores as text for a terminal, and as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from anatomy_r1.scoring.intervals import Interval
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.outcomes import reason_counts
from anatomy_r1.scoring.position_bias import PositionBias, position_bias
from anatomy_r1.scoring.position_bias import as_dict as positions_as_dict
from anatomy_r1.scoring.question_table import RotationScores, counts_of_scores, question_table, rotation_scores
from anatomy_r1.scoring.question_table import as_dict as rotations_as_dict
from anatomy_r1.scoring.score import Scores
from anatomy_r1.scoring.validity import unfit

_METRICS = (f"avg@{K}", "pass@1", f"major@{K}", "greedy", "parse_rate", "truncation_rate")
_BAND = (f"avg@{K}", f"avg@{K}_lenient", "format_failure_rate", "several_rate", "refusal_rate", "truncation_rate")


def as_text(scores: Scores) -> str:
    """Metrics and extraction, a line a category and one for all, in percent; reasons; what makes the run unfit."""
    head = f"{scores.benchmark}, run {scores.run}: {len(set(scores.clusters))} clusters, percent"
    head += "; each rotation of a question is a line of its own in n" if scores.rotated else ""
    extraction = (
        f"Extraction: avg@{K} by the strict extractor, which decides, and by the lenient one; shares of responses"
    )
    tables = [head, *_table(scores, _METRICS), "", extraction, *_table(scores, _BAND), *_reasons(scores)]
    return "\n".join([*tables, *_rotations(scores), *_positions(scores), *_verdict(scores)])


def as_json(scores: Scores) -> str:
    """What was run, metrics overall and by category, how often each extractor gave which reason, and the gates."""
    counts = reason_counts(scores.outcomes)
    content = {
        "benchmark": scores.benchmark,
        "run": scores.run,
        "plan": scores.plan,
        "clusters": len(set(scores.clusters)),
        "overall": scores.overall,
        "by_category": scores.by_category,
        "reasons": counts["strict"],
        "lenient_reasons": counts["lenient"],
        "positions": positions_as_dict(position_bias(counts_of_scores(scores))),
        **({"rotations": rotations_as_dict(rotation_scores(question_table(scores)))} if scores.rotated else {}),
        "unfit": unfit(scores),
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)


def _table(scores: Scores, names: Sequence[str]) -> list[str]:
    title = f"{'':28}{'n':>7}" + "".join(f"{name:>{_width(name)}}" for name in names)
    lines = [_line(category, values, names) for category, values in scores.by_category.items()]
    return [title, *lines, _line("all", scores.overall, names)]


def _line(label: str, values: Mapping[str, float], names: Sequence[str]) -> str:
    return f"{label:28}{values['n']:>7.0f}" + "".join(f"{100 * values[name]:>{_width(name)}.1f}" for name in names)


def _width(name: str) -> int:
    return max(len(name), 7) + 2


def _reasons(scores: Scores) -> list[str]:
    total = K * len(scores.ids)
    return [
        f"Reasons, {name}: " + ", ".join(f"{reason} {100 * count / total:.1f}" for reason, count in counts.items())
        for name, counts in reason_counts(scores.outcomes).items()
    ]


def _rotations(scores: Scores) -> list[str]:
    return ["", *_rotation_lines(rotation_scores(question_table(scores)))] if scores.rotated else []


def _rotation_lines(found: RotationScores) -> list[str]:
    return [
        f"Rotations: {found.questions} questions, {found.rotations} prompts; a question's rotations averaged first",
        f"  avg@{K} {_interval(found.average)}; right under every rotation, greedy response "
        f"{_interval(found.all_right['all_right_greedy'])}, major@{K} {_interval(found.all_right['all_right_major'])}",
    ]


def _positions(scores: Scores) -> list[str]:
    bias = position_bias(counts_of_scores(scores))
    return ["", *_position_lines(bias)] if bias else []


def _position_lines(bias: PositionBias) -> list[str]:
    head = "Letters: share of the readable answers, share that is right there, excess, recall [95 % intervals]"
    lines = [
        f"  {one.letter} {100 * one.chosen:6.1f} {100 * one.gold:6.1f}   {_interval(one.excess, '+')}   "
        + (_interval(one.recall) if one.recall else "none right")
        for one in bias.letters
    ]
    return [head, *lines, f"  {bias.preferred}; moved {100 * bias.moved:.1f}, RStd {100 * bias.recall_sd:.1f}"]


def _interval(interval: Interval, sign: str = "") -> str:
    if interval.low is None or interval.high is None:
        return f"{100 * interval.mean:{sign}.1f} [no interval]"
    return f"{100 * interval.mean:{sign}.1f} [{100 * interval.low:{sign}.1f}, {100 * interval.high:{sign}.1f}]"


def _verdict(scores: Scores) -> list[str]:
    return [f"UNFIT: {reason}" for reason in unfit(scores)]
