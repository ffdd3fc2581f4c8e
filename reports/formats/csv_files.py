"""Scores and costs as CSV, safe to open in a spreadsheet: no text is taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence

from reports.scores.cost import Amount, Cost
from reports.scores.scores import Score, SystemKey


def csv_text(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """CSV with a header; text that others wrote must go through `inert` first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return buffer.getvalue()


def inert(text: str) -> str:
    """The text, quoted if a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


COLUMNS = (
    *("profile", "benchmark", "model", "method", "arm", "metric", "category", "percent", "low", "high", "se"),
    *("clusters", "questions", "seeds", "seed_sd", "paper"),
    *("steps", "steps_with_start", "rollout_tokens", "rollout_tokens_with_start"),
)
COST_COLUMNS = (
    *("profile", "benchmark", "model", "method", "arm", "seeds", "steps", "steps_with_start"),
    *("rollout_tokens", "rollout_tokens_with_start", "training_seconds", "training_seconds_with_start"),
    *("evaluation_tokens", "evaluation_seconds"),
)


def scores_csv(
    profile: str,
    scores: Iterable[Score],
    spent: Mapping[SystemKey, Cost],
    paper: Callable[[Score], float | None],
) -> str:
    """A line for each score; an empty field means that there is no such number.

    If any score is not clean, a last column lists the kinds of leakage. `category` is empty for all questions; steps
    and tokens are those of the line's system.

    Args:
        profile: profile of the results.
        scores: scores.
        spent: costs of their systems.
        paper: the paper's number for a score, if it has one.
    """
    shown = list(scores)
    lines = [_line(profile, score, spent[score.system], paper(score)) for score in shown]
    if not any(score.not_clean for score in shown):
        return csv_text(COLUMNS, lines)
    marked = ([*line, " ".join(score.not_clean)] for line, score in zip(lines, shown, strict=True))
    return csv_text((*COLUMNS, "not_clean"), marked)


def costs_csv(profile: str, spent: Iterable[Cost]) -> str:
    """A line for each system's cost, mean over seeds; an empty field is unknown."""
    return csv_text(COST_COLUMNS, (_cost_line(profile, cost) for cost in spent))


def _line(profile: str, score: Score, cost: Cost, theirs: float | None) -> list[str]:
    measured = [score.percent, score.low, score.high, score.se]
    return [
        *_names(profile, score.system),
        *(inert(score.metric), inert(score.category)),
        *map(_number, measured),
        *(str(score.clusters), str(score.questions), str(score.seeds)),
        *(_number(score.seed_sd), _number(theirs)),
        *_amount(cost.steps),
        *_amount(cost.rollout_tokens),
    ]


def _cost_line(profile: str, cost: Cost) -> list[str]:
    return [
        *_names(profile, cost.system),
        str(cost.seeds),
        *_amount(cost.steps),
        *_amount(cost.rollout_tokens),
        *_amount(cost.training_seconds),
        _number(cost.evaluation_tokens),
        _number(cost.evaluation_seconds),
    ]


def _names(profile: str, system: SystemKey) -> list[str]:
    return [inert(name) for name in (profile, system.benchmark, system.model, system.method, system.arm)]


def _amount(amount: Amount) -> list[str]:
    return [_number(amount.own), _number(amount.whole)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
