"""All scores as one tidy CSV: a line a number, for machines and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from reports import paper
from reports.scores import ALL, Score

COLUMNS = (
    *("profile", "benchmark", "model", "method", "arm", "metric", "category", "percent", "low", "high", "se"),
    *("clusters", "questions", "seeds", "seed_sd", "paper"),
)


def render(profile: str, scores: Iterable[Score], numbers: paper.PaperNumbers) -> str:
    """CSV text with a header; an empty field is a number that does not exist. `category` is empty for all questions."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_line(profile, score, numbers) for score in scores)
    return buffer.getvalue()


def _line(profile: str, score: Score, numbers: paper.PaperNumbers) -> list[str]:
    group = score.group
    theirs = None
    if score.category == ALL and group.arm == "matched":
        theirs = numbers.beside(group.model, group.method, group.benchmark, score.metric)
    names = [profile, group.benchmark, group.model, group.method, group.arm, score.metric, score.category]
    measured = [score.percent, score.low, score.high, score.se]
    counts = [str(score.clusters), str(score.questions), str(score.seeds)]
    return [*map(_inert, names), *map(_number, measured), *counts, _number(score.seed_sd), _number(theirs)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _inert(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
