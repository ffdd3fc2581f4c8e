"""Numbers as CSV, for machines and spreadsheets: scores, a line a number, and costs, a line a group.

CSV that a spreadsheet opens without taking a text for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence

from reports.scores.cost import Amount, Cost
from reports.scores.scores import Group, Score


def csv_text(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A header and lines; texts of others go through `inert` first, numbers do not."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return buffer.getvalue()


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
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


def render(
    profile: str,
    scores: Iterable[Score],
    spent: Mapping[Group, Cost],
    paper: Callable[[Score], float | None],
) -> str:
    """CSV text of scores with a header; an empty field is a number that does not exist.

    Where any score is not clean, a last column says by what; without such scores there is none.
    `category` is empty for all questions; steps and tokens are those of the line's group; `paper` finds the paper's
    number for a score.
    """
    shown = list(scores)
    lines = [_line(profile, score, spent[score.group], paper(score)) for score in shown]
    if not any(score.not_clean for score in shown):
        return csv_text(COLUMNS, lines)
    marked = ([*line, " ".join(score.not_clean)] for line, score in zip(lines, shown, strict=True))
    return csv_text((*COLUMNS, "not_clean"), marked)


def render_costs(profile: str, spent: Iterable[Cost]) -> str:
    """CSV text of costs with a header, means over seeds; an empty field is not known."""
    return csv_text(COST_COLUMNS, (_cost_line(profile, cost) for cost in spent))


def _line(profile: str, score: Score, cost: Cost, theirs: float | None) -> list[str]:
    measured = [score.percent, score.low, score.high, score.se]
    return [
        *_names(profile, score.group),
        *(inert(score.metric), inert(score.category)),
        *map(_number, measured),
        *(str(score.clusters), str(score.questions), str(score.seeds)),
        *(_number(score.seed_sd), _number(theirs)),
        *_amount(cost.steps),
        *_amount(cost.rollout_tokens),
    ]


def _cost_line(profile: str, cost: Cost) -> list[str]:
    return [
        *_names(profile, cost.group),
        str(cost.seeds),
        *_amount(cost.steps),
        *_amount(cost.rollout_tokens),
        *_amount(cost.training_seconds),
        _number(cost.evaluation_tokens),
        _number(cost.evaluation_seconds),
    ]


def _names(profile: str, group: Group) -> list[str]:
    return [inert(name) for name in (profile, group.benchmark, group.model, group.method, group.arm)]


def _amount(amount: Amount) -> list[str]:
    return [_number(amount.own), _number(amount.whole)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
