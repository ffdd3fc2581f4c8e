"""The front page's two pictures of the data: one question answered by two methods, and one rollout group.

Both are chosen by rule, not by hand: the first question (by id) that GRPO gets wrong and the other method gets right,
and the first group whose answers are rewarded differently, of the last recorded step up to the scored one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from anatomy_r1.bases import model_folder, split_model
from anatomy_r1.question import LETTERS, Question
from anatomy_r1.response_log.response import Response
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.complete_run import CompleteRun
from anatomy_r1.scoring.strict import extract
from reports.scores.names import BASELINE, BENCHMARKS, MINI, MODELS, benchmark_title, method_title, rank
from reports.site.rollouts import rollouts_of, scored_steps
from reports.site.run import Pictures, RunFolder

OTHERS = ("cot-sft", "cot-sft-grpo", "sft", "sft-grpo", "dapo", "gpg", "grpo-gdqa", "grpo-asc", "zero-shot")
"""Whose response is shown beside GRPO's: the first that the run has."""
MEMBERS = 6
"""Responses of the group that the front page shows."""


class Side(NamedTuple):
    """A method's first response."""

    title: str
    text: str
    choice: str
    right: bool


@dataclass(frozen=True)
class Example:
    """One question and what two methods said."""

    benchmark: str
    model: str
    seed: int
    question: Question
    picture: str
    options: tuple[tuple[str, str, bool], ...]
    """Letter, text, whether it is right."""
    methods: tuple[str, str]
    sides: tuple[Side, Side]
    title: str
    """The benchmark's."""


@dataclass(frozen=True)
class GroupExample:
    """One rollout group."""

    key: Mapping[str, Any]
    """benchmark, model, method, seed, step: what the page of rollouts is asked for."""
    title: str
    """The method's."""
    question: str
    picture: str
    gold: str
    rewards: tuple[str, ...]
    """What was rewarded."""
    rows: tuple[tuple[str, str, tuple[str, ...], str, bool], ...]
    """Response, choice, rewards, advantage, whether the advantage is positive."""
    more: int
    """Members that are not shown."""


def example(results: Sequence[Result], run: RunFolder, pictures: Pictures) -> Example | None:
    """A question that GRPO gets wrong and another method gets right; None where the run shows no such question."""
    matched = [one for one in results if one.arm == MATCHED]
    plain = {(one.benchmark, model_folder(one.model, one.run.base), one.seed, one.method): one for one in matched}
    for benchmark, model, seed, method in sorted(plain, key=lambda key: (*_order(key[0], key[1]), key[2])):
        other = next((name for name in OTHERS if (benchmark, model, seed, name) in plain), None)
        if method != BASELINE or other is None:
            continue
        both = [run.answers(plain[benchmark, model, seed, name]) for name in (BASELINE, other)]
        if both[0] is not None and both[1] is not None:
            found = _differing(both[0], both[1])
            if found:
                question, pair = found
                picture = pictures.name(run.benchmarks[benchmark], question.image)
                sides = tuple(_side(name, question, said) for name, said in zip((BASELINE, other), pair, strict=True))
                options = tuple(
                    (letter, text, letter == question.letter)
                    for letter, text in zip(LETTERS, question.options, strict=False)
                )
                return Example(
                    benchmark,
                    model,
                    seed,
                    question,
                    picture,
                    options,
                    (BASELINE, other),
                    (sides[0], sides[1]),
                    benchmark_title(benchmark),
                )
    return None


def _order(benchmark: str, model: str) -> tuple[object, ...]:
    """The paper's first benchmark and its larger model come first."""
    place, name = rank(MODELS, split_model(model)[0])
    return (rank(BENCHMARKS, benchmark.removesuffix(MINI)), -place, name)


def _differing(first: CompleteRun, second: CompleteRun) -> tuple[Question, tuple[Response, Response]] | None:
    """The first question by id whose first response is wrong in `first` and right in `second`, both readable."""
    theirs = {question.id: six[0] for question, six in zip(second.questions, second.responses, strict=True)}
    pairs = sorted(zip(first.questions, first.responses, strict=True), key=lambda pair: pair[0].id)
    for question, six in pairs:
        if question.id in theirs:
            read = [extract(one.full_text, question.options).choice for one in (six[0], theirs[question.id])]
            if read[0] and read[0] != question.letter == read[1]:
                return question, (six[0], theirs[question.id])
    return None


def _side(method: str, question: Question, response: Response) -> Side:
    choice = extract(response.full_text, question.options).choice or ""
    return Side(method_title(method, MATCHED), response.full_text, choice, choice == question.letter)


def group_example(results: Sequence[Result], run: RunFolder, pictures: Pictures) -> GroupExample | None:
    """A group that teaches something, of GRPO if it was trained, and not of a step after the one that is scored; None
    where no log kept such a group's text.
    """
    logs = run.training_logs()
    for key in sorted(logs, key=lambda of: (of[2] != BASELINE, *_order(of[0], of[1]), of[2], of[3])):
        benchmark, model, method, run_key = key
        content = rollouts_of(logs[key], run.benchmarks.get(benchmark), pictures)
        scored = dict(scored_steps(results, benchmark, model, method, run_key)).get(MATCHED, math.inf)
        if content and (group := _teaching([one for one in content["groups"] if one["step"] <= scored])):
            last = group["step"]
            shown = model_folder(model, run_key.base)
            asked = {"benchmark": benchmark, "model": shown, "method": method, "seed": run_key.seed, "step": last}
            return _shown(group, asked, method, content["rewards"])
    return None


def _teaching(groups: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first group of the last step with one whose rewards differ; preferably by the first reward, which is that of
    the answer.
    """
    for differs in (lambda member: member[3][0], _reward):
        mixed = [group for group in groups if len({differs(member) for member in group["members"]}) > 1]
        if mixed:
            return max(mixed, key=lambda group: group["step"])  # the first of equals
    return None


def _reward(member: Sequence[Any]) -> float:
    return float(sum(value or 0 for value in member[3]))


def _shown(group: Mapping[str, Any], asked: Mapping[str, Any], method: str, rewards: Sequence[str]) -> GroupExample:
    members = sorted(group["members"], key=lambda member: -(member[4] or 0))
    half = MEMBERS // 2
    kept = members if len(members) <= MEMBERS else [*members[:half], *members[-half:]]
    rows = tuple(
        (
            member[1],
            member[2] or "none",
            tuple(f"{value or 0:g}" for value in member[3]),
            f"{member[4] or 0:+.2f}",
            (member[4] or 0) > 0,
        )
        for member in kept
    )
    prompt = str(group["prompts"][0]) if group["prompts"] else ""
    stem = prompt[prompt.rfind("\nQuestion:\n") + 1 :].removeprefix("Question:\n").strip().split("\n")[0]
    title = method_title(method, MATCHED)
    names, more = tuple(name.replace("_", " ") for name in rewards), len(members) - len(kept)
    return GroupExample(asked, title, stem, group["picture"], group["gold"], names, rows, more)
