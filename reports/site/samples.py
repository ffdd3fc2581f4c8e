"""Data of the sample viewer: questions per benchmark, marks and choices per cell, texts separately.

Marks and choices are strings of six characters a question (five samples, then the greedy response), in the order of the
benchmark's questions, so that a list of thousands filters without their texts, which come when a sample is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.complete_run import CompleteRun
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.strict import extract
from reports.site.run import Benchmark, Pictures

SIX = K + 1
"""Responses per question: the samples, then the greedy one."""
NOTHING = "."
"""In a string of choices: unparsed."""
ABSENT = " "
"""In any of the strings: this cell does not have the question."""
REASONS: dict[str, str] = {
    "letter": "a letter",
    "letter_and_text": "a letter with its own option's text",
    "text": "the exact text of one option",
    "empty": "unparsed: nothing where the answer should be",
    "unclosed_think": "unparsed: the thinking was never closed",
    "unclosed_answer": "unparsed: the answer tag was never closed",
    "nested_tags": "unparsed: tags within tags",
    "several_answers": "unparsed: several answers",
    "text_outside_answer": "unparsed: text outside the tags",
    "letter_out_of_range": "unparsed: a letter that no option has",
    "letter_contradicts_text": "unparsed: a letter with another option's text",
    "unrecognised": "unparsed: neither a letter nor the text of an option",
}
"""Meaning of the extractor's reasons (`anatomy_r1/scoring/strict.py`)."""
REASON_CODES: dict[str, str] = dict(zip(REASONS, "abcdefghijklmnopqrstuvwxyz", strict=False))
"""Reason -> its one-character code."""


def question_rows(
    results: Sequence[Result], benchmark: Benchmark | None, pictures: Pictures
) -> dict[str, tuple[Any, ...]]:
    """Every question that any of the results (of one benchmark) has, by id and in its order.

    A row: (id, cluster, category, family, stem, options, right letter, picture); unknown values are empty.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    for result in results:
        for place in result.questions[["id", "cluster", "category"]].astype(str).itertuples(index=False, name=None):
            rows[place[0]] = (*place, "", "", [], "", "")
    if benchmark is not None:
        for question in benchmark.test.questions:
            if question.id in rows:
                picture = pictures.name(benchmark, question.image)
                asked = (question.family, question.stem, list(question.options), question.letter, picture)
                rows[question.id] = (*rows[question.id][:3], *asked)
    return dict(sorted(rows.items()))


def marks(result: Result, ids: Sequence[str], answers: CompleteRun | None) -> dict[str, str]:
    """Right or wrong as in the result store; with the log also choices, reasons, and truncation.

    Raises:
        AnatomyR1Error: when the log and the store disagree.
    """
    table = result.questions.set_index("id")
    flags = table[[*(f"correct_{repeat}" for repeat in range(K)), "greedy"]].to_numpy(dtype=int).tolist()
    right = {name: "".join(map(str, row)) for name, row in zip(table.index, flags, strict=True)}
    found = {
        "right": _joined(right, ids, SIX),
        "major": _joined(table["major"].astype(int).astype(str).to_dict(), ids, 1),
        "read": _joined(table["parsed"].astype(str).to_dict(), ids, 1),
    }
    if answers is None:
        return found
    choices, reasons, cut = {}, {}, {}
    for question, six in zip(answers.questions, answers.responses, strict=True):
        read = [extract(response.full_text, question.options) for response in six]
        logged = "".join("01"[one.choice == question.letter] for one in read)
        if logged != right.get(question.id):
            raise AnatomyR1Error(
                f"{result.key}: question {question.id} came out as {right.get(question.id)} in the result store and as "
                f"{logged} by the response log. Fix: run the cell again"
            )
        choices[question.id] = "".join(one.choice or NOTHING for one in read)
        reasons[question.id] = "".join(REASON_CODES[one.reason] for one in read)
        cut[question.id] = "".join("01"[response.finish_reason == "length"] for response in six)
    strings = {"choices": choices, "reasons": reasons, "cut": cut}
    return found | {name: _joined(of, ids, SIX) for name, of in strings.items()}


def _joined(of: Mapping[Any, str], ids: Sequence[str], width: int) -> str:
    return "".join(of.get(name, ABSENT * width) for name in ids)


def texts(ids: Sequence[str], answers: CompleteRun, benchmark: Benchmark, pictures: Pictures) -> dict[str, Any]:
    """Each distinct text once, and for each question which six it has; images only where they differ."""
    sixes = {question.id: six for question, six in zip(answers.questions, answers.responses, strict=True)}
    places: dict[str, int] = {}
    at = [
        places.setdefault(response.full_text, len(places)) if response else -1
        for name in ids
        for response in sixes.get(name, (None,) * SIX)
    ]
    found: dict[str, Any] = {"texts": list(places), "at": at}
    if answers.plan.get("images", "real") != "real":
        shown = [sixes[name][0].shown if name in sixes else "" for name in ids]
        found["shown"] = [pictures.name(benchmark, image) for image in shown]
    return found
