"""A run with all its responses, read from a response log: six per question, none missing and none twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from anatomy_r1.data.prepared import PreparedSet, all_splits, find_set
from anatomy_r1.data.shown import original, prompted
from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.prompts import prompt_hash, render
from anatomy_r1.question import Question
from anatomy_r1.response_log.frame import Frame
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Decoding, Response, Sampling
from anatomy_r1.scoring.metrics import K

_USUAL = ("benchmark", "style", "images", "split", "seed", "limit", "weights", "temperature", "max_new_tokens")
"""Fields of a plan by which a user knows a run."""
Slot = tuple[str, str, int]
"""Question id, decoding, repeat."""


@dataclass(frozen=True)
class CompleteRun:
    """One run with all its responses."""

    run: str
    """Its name in the log."""
    plan: Mapping[str, Any]
    """What it asked for: prompt style, images, split, seed, limit, weights, decoding."""
    questions: tuple[Question, ...]
    """In the prepared set's order."""
    responses: tuple[tuple[Response, ...], ...]
    """Six per question: the five sampled ones in order, then the greedy one."""
    asked: int
    """Number of questions that the run asked for, as the data's manifest counts them."""


def load_complete_run(log: Path, data: Path, run: str | None = None) -> CompleteRun:
    """Read one run of a log; `data` is the prepared set that it was asked from, or its parent.

    Raises:
        IncompleteError: A response is missing.
        AnatomyR1Error: The log holds several runs and none is named, or run and data do not fit.
    """
    with ResponseLog(log, read_only=True) as opened:
        name, plan, prepared = _open_run(log, opened, data, run)
        given = prepared.questions[: plan["limit"]]
        questions = tuple(prompted(given, plan.get("options", "given")))
        belongs = _belongs(plan, {one.id: one for one in questions}, opened.frames(name))
        found = list(filter(belongs, opened.rows()))
    known = {question.id for of in all_splits(prepared.root).values() for question in of}
    by_slot = _by_slot(log, found, questions, known)
    responses = tuple(tuple(by_slot[slot] for slot in _slots(question)) for question in questions)
    counted = prepared.manifest["counts"][plan["split"]]["questions"]
    asked = counted if plan["limit"] is None else min(counted, plan["limit"])
    return CompleteRun(name, plan, questions, responses, asked + len(questions) - len(given))


def logged_responses(log: Path, data: str | Path | None, run: str | None = None) -> list[tuple[Question, Response]]:
    """Responses of one run with their questions, in the order of the questions; also of an incomplete run.

    Raises:
        AnatomyR1Error: when the run is not unique, or the data are not those it used.
    """
    with ResponseLog(log, read_only=True) as opened:
        name, plan, prepared = _open_run(log, opened, data, run)
        questions = {one.id: one for one in prompted(prepared.questions, plan.get("options", "given"))}
        found = list(filter(_belongs(plan, questions, opened.frames(name)), opened.rows()))
    order = {id_: place for place, id_ in enumerate(questions)}
    known = [response for response in found if response.key.question_id in order]
    known.sort(key=lambda one: (order[one.key.question_id], one.key.decoding == "greedy", one.key.repeat))
    return [(questions[one.key.question_id], one) for one in known]


def _open_run(
    log: Path, opened: ResponseLog, data: str | Path | None, run: str | None
) -> tuple[str, dict[str, Any], PreparedSet]:
    """Name and plan of the run, and the questions that it was asked."""
    name, plan = _pick_run(log, opened.runs(), run)
    prepared = find_set(plan["benchmark"], data, plan["split"])
    if prepared.manifest["questions_sha256"] != plan["questions_sha256"]:
        raise AnatomyR1Error(f"{prepared.root}: not the questions that run {name} of {log} was asked. Fix: --data")
    return name, plan, prepared


def _pick_run(log: Path, runs: dict[str, dict[str, Any]], name: str | None) -> tuple[str, dict[str, Any]]:
    if name is None and len(runs) == 1:
        return next(iter(runs.items()))
    if name in runs:
        return str(name), runs[str(name)]
    if not runs:
        fix = (
            "Fix: `anatomy-r1 evaluate` with this --log asks what it lacks; `anatomy-r1 submit` takes lm-eval's output"
        )
        raise AnatomyR1Error(f"{log}: holds no run; lm-eval over our engines writes responses alone. {fix}")
    what = f"no run {name}" if name else f"{len(runs)} runs"
    lines = [f"  {line}" for line in described_runs(runs)]
    fix = "Fix: name one with --run RUN, LOG#RUN, or run= in Python"
    raise AnatomyR1Error("\n".join([f"{log}: holds {what}. {fix}", *lines]))


def described_runs(runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each run of a log: the usual fields of its plan, and all those in which the runs differ."""
    plans = {run: _flat(plan) for run, plan in runs.items()}
    fields = dict.fromkeys(field for plan in plans.values() for field in plan)
    differing = [field for field in fields if len({json.dumps(plan.get(field)) for plan in plans.values()}) > 1]
    shown = dict.fromkeys([*_USUAL, *differing])
    return [
        f"{run}: " + ", ".join(f"{field} {_value(plan.get(field))}" for field in shown if field in fields)
        for run, plan in plans.items()
    ]


def _flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan with the arguments of its decoding beside the other fields."""
    decoding, others = plan.get("decoding"), {name: value for name, value in plan.items() if name != "decoding"}
    return {**others, **decoding} if isinstance(decoding, Mapping) else dict(plan)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _belongs(
    plan: Mapping[str, Any], questions: Mapping[str, Question], frames: Sequence[Frame]
) -> Callable[[Response], bool]:
    """A predicate: is a response one of those that the plan asked for?

    One log may hold responses to another wording, or to other options, under the same id: the frames tell them apart,
    where the log has them.
    """

    def asks(question_id: str, prompt: str) -> bool:
        if not frames or (question := questions.get(question_id)) is None:
            return True
        text = render(question, plan["style"], plan.get("wording"))
        return any(prompt_hash(one) == prompt for frame in frames for one in frame.prompts_of(text))

    right_prompt = lru_cache(maxsize=16)(asks)  # responses come question by question

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
        planned = all(plan[name] == value for name, value in found.items())
        return planned and as_planned(key.decoding, key.sampling) and right_prompt(key.question_id, key.prompt_hash)

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
