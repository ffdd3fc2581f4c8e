"""Data of the sample viewer: questions per benchmark, marks and choices per cell, texts separately.

Marks and choices are strings of six characters a question (five samples, then the greedy response), in the order of the
benchmark's questions, so that a list of thousands filters without their texts, which come when a sample is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import Question
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.complete_run import CompleteRun
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.strict import Answer, extract
from reports.site.about import REASONS
from reports.site.pictures import Pictures
from reports.site.run import Benchmark

SIX = K + 1
"""Responses per question: the samples, then the greedy one."""
NOTHING = "."
"""In a string of choices: unparsed."""
ABSENT = " "
"""In any of the strings: this cell does not have the question."""
_CODES = "abcdefghijklmnopqrstuvwxyz"
REASON_CODES: dict[str, str] = dict(zip(REASONS, _CODES, strict=False))
"""Reason -> its one-character code."""


@dataclass(frozen=True)
class ViewerQuestions:
    """One benchmark's questions in the order of the viewer, by id."""

    ids: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    """(id, cluster, category, family, stem, options, right letter, picture); unknown values are empty."""


def viewer_questions(results: Sequence[Result], benchmark: Benchmark | None, pictures: Pictures) -> ViewerQuestions:
    """Every question that any of the results (of one benchmark) has."""
    known = {question.id: question for question in benchmark.test.questions} if benchmark else {}
    places: dict[str, tuple[str, str]] = {}
    for result in results:
        table = result.questions
        places |= {str(i): (str(c), str(k)) for i, c, k in zip(table["id"], table["cluster"], table["category"])}  # noqa: B905
    ids = tuple(sorted(places))
    return ViewerQuestions(ids, tuple(_row(i, places[i], known.get(i), benchmark, pictures) for i in ids))


def _row(
    name: str, place: tuple[str, str], question: Question | None, benchmark: Benchmark | None, pictures: Pictures
) -> tuple[Any, ...]:
    if question is None or benchmark is None:
        return (name, *place, "", "", [], "", "")
    picture = pictures.name(benchmark, question.image)
    return (name, *place, question.family, question.stem, list(question.options), question.letter, picture)


def marks(result: Result, questions: ViewerQuestions, answers: CompleteRun | None) -> dict[str, str]:
    """Right or wrong as in the result store; with the log also choices, reasons, and truncation.

    Raises:
        AnatomyR1Error: when the log and the store disagree.
    """
    columns = [*(f"correct_{repeat}" for repeat in range(K)), "greedy"]
    table, ids = result.questions, list(result.questions["id"])
    flags = table[columns].to_numpy(dtype=int).tolist()
    right = {name: "".join(map(str, row)) for name, row in zip(ids, flags, strict=True)}
    found = {
        "right": _joined(right, questions, SIX),
        "major": _joined(dict(zip(ids, table["major"].astype(int).astype(str), strict=True)), questions, 1),
        "read": _joined(dict(zip(ids, table["parsed"].astype(str), strict=True)), questions, 1),
    }
    return found | (_choices(result, right, questions, answers) if answers else {})


def _choices(
    result: Result, right: Mapping[str, str], questions: ViewerQuestions, answers: CompleteRun
) -> dict[str, str]:
    choices, reasons, cut = {}, {}, {}
    for question, six in zip(answers.questions, answers.responses, strict=True):
        read = [extract(response.text, question.options) for response in six]
        if _right(read, question) != right.get(question.id):
            raise AnatomyR1Error(
                f"{result.key}: question {question.id} came out as {right.get(question.id)} in the result store and as "
                f"{_right(read, question)} by the response log. Fix: run the cell again"
            )
        choices[question.id] = "".join(one.choice or NOTHING for one in read)
        reasons[question.id] = "".join(REASON_CODES[one.reason] for one in read)
        cut[question.id] = "".join("01"[response.finish_reason == "length"] for response in six)
    strings = {"choices": choices, "reasons": reasons, "cut": cut}
    return {name: _joined(of, questions, SIX) for name, of in strings.items()}


def _right(read: Sequence[Answer], question: Question) -> str:
    return "".join("01"[one.choice == question.letter] for one in read)


def _joined(of: Mapping[str, str], questions: ViewerQuestions, width: int) -> str:
    return "".join(of.get(name, ABSENT * width) for name in questions.ids)


def texts(questions: ViewerQuestions, answers: CompleteRun, benchmark: Benchmark, pictures: Pictures) -> dict[str, Any]:
    """Each distinct text once, and for each question which six it has; images only where they differ."""
    sixes = {question.id: six for question, six in zip(answers.questions, answers.responses, strict=True)}
    places: dict[str, int] = {}
    at = [
        places.setdefault(response.text, len(places)) if response else -1
        for name in questions.ids
        for response in sixes.get(name, (None,) * SIX)
    ]
    found: dict[str, Any] = {"texts": list(places), "at": at}
    if answers.plan.get("images", "real") != "real":
        shown = [sixes[name][0].shown if name in sixes else "" for name in questions.ids]
        found["shown"] = [pictures.name(benchmark, image) for image in shown]
    return found
