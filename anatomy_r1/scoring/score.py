"""Response log -> scores, without a model. lm-eval's numbers for the same run are equal to the last digit.

Example:
    >>> scores = score(Path("log.sqlite"), Path("prepared/sgg"))      # doctest: +SKIP
    >>> scores.overall["avg@5"], scores.by_category["Liver"]["n"]     # doctest: +SKIP
    (0.265, 104)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.response_log.response import Response
from anatomy_r1.scoring.complete_run import Answered, answered
from anatomy_r1.scoring.metrics import (
    K,
    question_metrics,
    summary,
)
from anatomy_r1.scoring.outcomes import Outcome, extraction_rates, outcome


@dataclass(frozen=True)
class Scores:
    """What a run's responses say; all per-question fields in the prepared set's order."""

    benchmark: str
    run: str
    """Name of the run in the log."""
    plan: Mapping[str, Any]
    """What the run asked for: prompt style, pictures, split, seed, limit, weights, decoding."""
    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    categories: tuple[str, ...]
    gold: tuple[str, ...]
    """Letter of the right option."""
    choices: tuple[tuple[str | None, ...], ...]
    """Five a question: what each sampled response chose."""
    greedy: tuple[str | None, ...]
    """What the greedy response chose."""
    reasons: tuple[tuple[str, ...], ...]
    """Five a question: how the extractor came to the choice, or why to none; then the greedy one's."""
    truncated: tuple[int, ...]
    """Of the five, how many ended at the token limit."""
    outcomes: tuple[tuple[Outcome, ...], ...]
    """Five a question, then the greedy one's: both extractors' verdicts, and what went wrong with the form."""
    distinct: tuple[int, ...]
    """Of the five, how many different texts."""
    asked: int
    """Questions that the run asked for, as the data's manifest counts them."""
    overall: Mapping[str, float]
    """Means over questions (see `summary` and `anatomy_r1.scoring.outcomes.extraction_rates`)."""
    by_category: Mapping[str, Mapping[str, float]]
    """The same by category."""
    prompts: str = ""
    """Identity of all prompts as the model read them, chat template included: 16 hex digits."""
    options: tuple[int, ...] = ()
    """How many each question has."""

    @property
    def rotated(self) -> bool:
        """Whether every rotation of the options was asked; all fields then have a rotation for a question."""
        return bool(self.plan.get("options", "given") == "rotated")


def score(log: Path, data: Path, run: str | None = None) -> Scores:
    """Score one run of a log; `run` names it where the log holds several.

    Raises:
        AnatomyR1Error: as `answered`.
    """
    return scores_of(answered(log, data, run))


def scores_of(of: Answered) -> Scores:
    """Scores of responses, wherever they are from."""
    plan, questions, responses = of.plan, of.questions, of.responses
    outcomes = tuple(
        tuple(outcome(response, question.options) for response in six)
        for six, question in zip(responses, questions, strict=True)
    )
    gold = tuple(question.letter for question in questions)
    metrics = [_metrics(six, letter) for six, letter in zip(outcomes, gold, strict=True)]
    truncated = tuple(sum(one.truncated for one in six[:K]) for six in outcomes)
    categories = tuple(question.category for question in questions)

    def means(some: Sequence[int]) -> dict[str, float]:
        strict = summary([metrics[i] for i in some], [truncated[i] for i in some])
        return strict | extraction_rates([outcomes[i] for i in some], [gold[i] for i in some])

    return Scores(
        benchmark=plan["benchmark"],
        run=of.run,
        plan=plan,
        ids=tuple(question.id for question in questions),
        clusters=tuple(question.cluster for question in questions),
        categories=categories,
        gold=gold,
        choices=tuple(tuple(one.strict.choice for one in six[:K]) for six in outcomes),
        greedy=tuple(six[K].strict.choice for six in outcomes),
        reasons=tuple(tuple(one.strict.reason for one in six) for six in outcomes),
        truncated=truncated,
        outcomes=outcomes,
        distinct=tuple(len({response.text for response in six[:K]}) for six in responses),
        asked=of.asked,
        overall=means(range(len(questions))),
        by_category={
            category: means([i for i, one in enumerate(categories) if one == category])
            for category in sorted(set(categories))
        },
        prompts=_prompts(responses),
        options=tuple(len(question.options) for question in questions),
    )


def _prompts(responses: Sequence[Sequence[Response]]) -> str:
    hashes = [[one.key.prompt_hash for one in six] for six in responses]
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:16]


def _metrics(six: Sequence[Outcome], gold: str) -> dict[str, float]:
    return question_metrics([one.strict.choice for one in six[:K]], six[K].strict.choice, gold)
