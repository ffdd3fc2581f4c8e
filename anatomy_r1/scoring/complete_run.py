"""A run with all its responses, read from a response log: six per question, none missing and none twice.

Example:
    >>> run = load_complete_run(Path("log.sqlite"), Path("prepared/sgg"))      # doctest: +SKIP
    >>> len(run.questions), len(run.responses[0])                              # doctest: +SKIP
    (1000, 6)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from anatomy_r1.data.prepared import find_set
from anatomy_r1.data.shown import original, prompted
from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.question import Question
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Decoding, Response, Sampling
from anatomy_r1.scoring.metrics import K

Slot = tuple[str, str, int]
"""Question id, decoding, repeat."""


@dataclass(frozen=True)
class CompleteRun:
    """One run with all its responses."""

    run: str
    """Name of the run in the log."""
    plan: Mapping[str, Any]
    """What the run asked for: prompt style, images, split, seed, limit, weights, decoding."""
    questions: tuple[Question, ...]
    """In the prepared set's order."""
    responses: tuple[tuple[Response, ...], ...]
    """Six per question: the five sampled ones in order, then the greedy one."""
    asked: int
    """Number of questions that the run asked for, as the data's manifest counts them."""


def load_complete_run(log: Path, data: Path, run: str | None = None) -> CompleteRun:
    """Read one run of a log.

    Args:
        log: response log.
        data: prepared set that the run was asked from, or its parent.
        run: name of the run; needed if the log holds several.

    Raises:
        IncompleteError: when a response is missing.
        AnatomyR1Error: when the run is not unique, the data are not those it used, or a response occurs twice or
            answers a question that the data do not have.
    """
    with ResponseLog(log, read_only=True) as opened:
        name, plan = _pick_run(log, opened.runs(), run)
        prepared = find_set(plan["benchmark"], data, plan["split"])
        if prepared.manifest["questions_sha256"] != plan["questions_sha256"]:
            raise AnatomyR1Error(f"{prepared.root}: not the questions that run {name} of {log} was asked. Fix: --data")
        found = list(filter(_belongs(plan), opened.rows()))
    given = prepared.questions[: plan["limit"]]
    questions = tuple(prompted(given, plan.get("options", "given")))
    by_slot = _by_slot(log, found, questions, {question.id for question in prepared.questions})
    responses = tuple(tuple(by_slot[slot] for slot in _slots(question)) for question in questions)
    counted = prepared.manifest["counts"][plan["split"]]["questions"]
    asked = counted if plan["limit"] is None else min(counted, plan["limit"])
    return CompleteRun(name, plan, questions, responses, asked + len(questions) - len(given))


def _pick_run(log: Path, runs: dict[str, dict[str, Any]], name: str | None) -> tuple[str, dict[str, Any]]:
    if name is None and len(runs) == 1:
        return next(iter(runs.items()))
    if name in runs:
        return str(name), runs[str(name)]
    shown = ("benchmark", "style", "images", "split", "seed", "limit", "weights")
    lines = [f"  {run}: " + ", ".join(f"{key} {plan[key]}" for key in shown) for run, plan in runs.items()]
    what = f"no run {name}" if name else f"{len(runs)} runs"
    raise AnatomyR1Error("\n".join([f"{log}: holds {what}. Fix: name one with --run", *lines]))


def _belongs(plan: Mapping[str, Any]) -> Callable[[Response], bool]:
    """A predicate: is a response one of those that the plan asked for?"""

    @cache  # responses of one decoding share their sampling arguments, which are then parsed once
    def as_planned(decoding: Decoding, sampling: str) -> bool:
        planned = dict(plan["decoding"])
        temperature = planned.pop("temperature") * (1.0 if decoding == "sample" else 0.0)
        expected = Sampling(decoding, temperature, planned.pop("max_new_tokens"))
        return bool(json.loads(sampling) == {**planned, **expected.as_dict()})

    def belongs(response: Response) -> bool:
        key = response.key
        found = {"benchmark": key.benchmark, "weights": key.weights, "seed": key.seed}
        found |= {"style": response.style, "images": response.images}
        return all(plan[name] == value for name, value in found.items()) and as_planned(key.decoding, key.sampling)

    return belongs


def _by_slot(
    log: Path, found: Sequence[Response], questions: Sequence[Question], known: set[str]
) -> dict[Slot, Response]:
    """Responses by slot, after checking that each question asked has each response exactly once."""
    slots = [(response.key.question_id, response.key.decoding, response.key.repeat) for response in found]
    wanted = {slot for question in questions for slot in _slots(question)}
    doubled = [slot for slot, count in Counter(slots).items() if count > 1 and slot in wanted]
    _refuse(log, "responses logged twice (prompt or image changed in between)", doubled, "start a new --log")
    foreign = [slot for slot in slots if original(slot[0])[0] not in known]
    _refuse(log, "responses to questions that the data do not have", foreign, "name the data it was made with")
    missing = sorted(wanted - set(slots))
    _refuse(log, "responses missing", missing, "run the same `anatomy-r1 evaluate` command again", IncompleteError)
    return dict(zip(slots, found, strict=True))


def _slots(question: Question) -> list[Slot]:
    return [*((question.id, "sample", repeat) for repeat in range(K)), (question.id, "greedy", 0)]


def _refuse(log: Path, what: str, slots: Sequence[Slot], fix: str, kind: type[AnatomyR1Error] = AnatomyR1Error) -> None:
    if slots:
        named = ", ".join(dict.fromkeys(question_id for question_id, _, _ in slots[:5]))
        raise kind(f"{log}: {len(slots)} {what}, of questions {named}, ... Fix: {fix}")
