"""Records of a samples file -> responses, each held against the question that it says it answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import Style, prompt_hash, render
from anatomy_r1.question import Question
from anatomy_r1.results.submission.lm_eval_files import AGAIN
from anatomy_r1.results.submission.submission import STATED
from anatomy_r1.scoring.metrics import K

MAX_TEXT = 1_000_000
"""Characters of one response. Ours: 512 tokens are some 3,000."""


@dataclass(frozen=True)
class Row:
    """What one record says."""

    question: Question
    texts: tuple[str, ...]
    """Five sampled responses, then the greedy one."""
    prompt_hash: str
    """Of the prompt as the backend sent it."""
    sampled: str
    """Generation arguments of the sampled responses, as JSON."""
    greedy: str
    said: Mapping[str, float]


def read_row(where: str, record: Mapping[str, Any], known: Mapping[str, Question], style: Style) -> Row:
    """A record, checked.

    Raises:
        AnatomyR1Error: when it is of no question of the prepared set, shows it otherwise, lacks a response, or states
            what is no number; names file and line.
    """
    doc = _of(record, "doc", dict, where)
    question = known.get(str(doc.get("id")))
    if question is None:
        fix = "Fix: name the prepared set that it was asked from: --data DIR"
        raise AnatomyR1Error(f"{where}: question {str(doc.get('id'))[:80]!r} is not in the prepared set. {fix}")
    _check_document(where, doc, question, style)
    calls = [_call(where, record, index) for index in (0, 1)]
    for prompt, _ in calls:
        if not _holds(prompt, str(doc["prompt"])):
            raise AnatomyR1Error(f"{where}: question {question.id}: the prompt sent does not hold its text. {AGAIN}")
    return Row(
        question=question,
        texts=_texts(where, record, question),
        prompt_hash=prompt_hash(calls[0][0]),
        sampled=calls[0][1],
        greedy=calls[1][1],
        said={name: _number(where, record, name) for name in STATED},
    )


def _check_document(where: str, doc: Mapping[str, Any], question: Question, style: Style) -> None:
    """All that the task puts into a document, but for the picture's absolute path."""
    wanted = {
        "benchmark": question.benchmark,
        "prompt": render(question, style),
        "options": list(question.options),
        "letter": question.letter,
        "category": question.category,
        "cluster": question.cluster,
        "style": style,
        "images": "real",
        "shown": question.image,
    }
    if differing := [name for name, value in wanted.items() if doc.get(name) != value]:
        fix = "Fix: submit what was asked of this prepared set, by this release's task, with its own pictures"
        raise AnatomyR1Error(f"{where}: question {question.id} differs in {', '.join(differing)}. {fix}")


def _call(where: str, record: Mapping[str, Any], index: int) -> tuple[str, str]:
    """Prompt and generation arguments of the sampled (0) or the greedy (1) request."""
    request = _of(_of(record, "arguments", dict, where), f"gen_args_{index}", dict, where)
    prompt = request.get("arg_0")
    if isinstance(prompt, list) and len(prompt) == 1:  # chat backends: messages as JSON, in a tuple of one
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise AnatomyR1Error(f"{where}: no prompt in gen_args_{index}. {AGAIN}")
    shown = _of(request, "arg_2", dict, where).get("visual")
    if not isinstance(shown, list) or len(shown) != 1:
        raise AnatomyR1Error(f"{where}: not shown one picture in gen_args_{index}. {AGAIN} and a multimodal model")
    return _encodable(where, prompt), json.dumps(_of(request, "arg_1", dict, where), sort_keys=True)


def _holds(sent: str, text: str) -> bool:
    """Whether what was sent has the text in it, as it is or inside JSON."""
    inside = (json.dumps(text, ensure_ascii=plain)[1:-1] for plain in (True, False))
    return text in sent or any(one in sent for one in inside)


def _texts(where: str, record: Mapping[str, Any], question: Question) -> tuple[str, ...]:
    found = _of(record, "resps", list, where)
    counts = [len(one) if isinstance(one, list) else -1 for one in found]
    if counts != [K, 1]:
        raise AnatomyR1Error(
            f"{where}: question {question.id}: {counts} responses; [{K}, 1] are needed, sampled and greedy. {AGAIN}"
        )
    return tuple(_text(where, text) for texts in found for text in texts)


def _text(where: str, text: Any) -> str:
    if not isinstance(text, str):
        raise AnatomyR1Error(f"{where}: a response is {type(text).__name__} and no text. {AGAIN}")
    if len(text) > MAX_TEXT:
        raise AnatomyR1Error(f"{where}: a response of {len(text):,} characters; {MAX_TEXT:,} is the limit. {AGAIN}")
    return _encodable(where, text)


def _encodable(where: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AnatomyR1Error(f"{where}: text that is no Unicode ({error.reason}). {AGAIN}") from error
    return text


def _number(where: str, record: Mapping[str, Any], name: str) -> float:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise AnatomyR1Error(f"{where}: {name} is {str(value)[:40]!r} and no number. {AGAIN}")
    return float(value)


def _of(content: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    found = content.get(name)
    if not isinstance(found, kind):
        raise AnatomyR1Error(f"{where}: no {name} of type {kind.__name__}. {AGAIN}")
    return found


def check_whole(rows: Sequence[tuple[str, Row]], questions: Sequence[Question]) -> dict[str, Row]:
    """Rows by question, once it is sure that each question is answered once.

    Raises:
        AnatomyR1Error: when one is answered twice, or not at all.
    """
    found: dict[str, Row] = {}
    for where, row in rows:
        if row.question.id in found:
            raise AnatomyR1Error(f"{where}: question {row.question.id} a second time. {AGAIN}")
        found[row.question.id] = row
    if missing := [question.id for question in questions if question.id not in found]:
        where = rows[0][0].rpartition(":")[0] if rows else "samples"
        count = f"{len(missing)} of {len(questions)} questions have no record, {', '.join(missing[:5])}, ..."
        raise AnatomyR1Error(f"{where}: {count} {AGAIN} and without --limit")
    return found


def differing(name: str, said: Mapping[str, float], ours: Mapping[str, float]) -> Iterator[str]:
    """Numbers that are not ours, both in full."""
    for metric in STATED:
        if said[metric] != ours[metric]:
            yield f"{name}: {metric} submitted as {said[metric]!r}, {ours[metric]!r} by our scorer"
