"""Scores of a run, computed from its responses without a model. They equal lm-eval's for the same run exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.scoring.complete_run import CompleteRun, load_complete_run
from anatomy_r1.scoring.extraction import Extraction, extract_response, extraction_rates
from anatomy_r1.scoring.metrics import K, question_metrics, summary


@dataclass(frozen=True)
class Scores:
    """What was read from a run's responses, and its metrics. Per-question fields are in the prepared set's order."""

    benchmark: str
    run: str
    plan: Mapping[str, Any]
    """As in `CompleteRun`, like `run` and `asked`."""
    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    categories: tuple[str, ...]
    gold: tuple[str, ...]
    """Letter of the right option."""
    choices: tuple[tuple[str | None, ...], ...]
    """Five per question: the choice of each sampled response; `greedy` has that of the greedy one."""
    greedy: tuple[str | None, ...]
    truncated: tuple[int, ...]
    """How many of the five ended at the token limit."""
    extractions: tuple[tuple[Extraction, ...], ...]
    """Six per question, the greedy one last: both extractors' verdicts and failures in form."""
    distinct: tuple[int, ...]
    """How many different texts the five are."""
    asked: int
    overall: Mapping[str, float]
    """Means over questions (`metrics.summary` and `extraction.extraction_rates`)."""
    by_category: Mapping[str, Mapping[str, float]]
    """The same by category."""
    prompts: str = ""
    """Hash of all prompts as the model read them, chat template included: 16 hex digits."""
    options: tuple[int, ...] = ()
    """Number of options of each question."""

    @property
    def rotated(self) -> bool:
        """Whether every rotation of the options was asked. Each rotation then counts as a question in all fields."""
        return bool(self.plan.get("options", "given") == "rotated")


def score(log: Path, data: Path, run: str | None = None) -> Scores:
    """Score one run of a response log. Arguments and errors are those of `load_complete_run`."""
    return score_run(load_complete_run(log, data, run))


def score_run(run: CompleteRun) -> Scores:
    """Score responses, wherever they come from."""
    plan, questions, responses = run.plan, run.questions, run.responses
    extractions = tuple(
        tuple(extract_response(response, question.options) for response in six)
        for six, question in zip(responses, questions, strict=True)
    )
    gold = tuple(question.letter for question in questions)
    choices = tuple(tuple(one.strict.choice for one in six[:K]) for six in extractions)
    greedy = tuple(six[K].strict.choice for six in extractions)
    metrics = [question_metrics(*one) for one in zip(choices, greedy, gold, strict=True)]
    truncated = tuple(sum(one.truncated for one in six[:K]) for six in extractions)
    categories = tuple(question.category for question in questions)
    prompts = [[one.key.prompt_hash for one in six] for six in responses]

    def means(some: Sequence[int]) -> dict[str, float]:
        strict = summary([metrics[i] for i in some], [truncated[i] for i in some])
        return strict | extraction_rates([extractions[i] for i in some], [gold[i] for i in some])

    return Scores(
        benchmark=plan["benchmark"],
        run=run.run,
        plan=plan,
        ids=tuple(question.id for question in questions),
        clusters=tuple(question.cluster for question in questions),
        categories=categories,
        gold=gold,
        choices=choices,
        greedy=greedy,
        truncated=truncated,
        extractions=extractions,
        distinct=tuple(len({response.full_text for response in six[:K]}) for six in responses),
        asked=run.asked,
        overall=means(range(len(questions))),
        by_category={
            category: means([i for i, one in enumerate(categories) if one == category])
            for category in sorted(set(categories))
        },
        prompts=hashlib.sha256(json.dumps(prompts).encode()).hexdigest()[:16],
        options=tuple(len(question.options) for question in questions),
    )
