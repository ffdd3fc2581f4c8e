"""A response log of ours, or a model that is made to write one, scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.results.record import sampling_cost
from anatomy_r1.results.submission.submission import STATED, Submission
from anatomy_r1.scoring.score import Scores, score


def from_log(log: Path, data: Path, run: str | None = None) -> Submission:
    """What one run of a response log comes to.

    Raises:
        AnatomyR1Error: as `anatomy_r1.scoring.score.score`, or when the run is a control, or not of all test questions.
    """
    scores = _scored(log, data, run)
    unknown = ("version of the task", "wording of the prompts")
    return Submission(
        scores=scores,
        origin={"kind": "response log", "files": {log.name: file_sha256(log)}, "run": scores.run},
        not_known=unknown if verified(scores) else ("weights", *unknown),
        wording_known=False,
        spent=sampling_cost(log, scores.plan["weights"]),
    )


def from_model(task: str, data: Path, model: Path, log: Path, **options: Any) -> Submission:
    """Ask a model all test questions of a benchmark, and score what it answers.

    `options` go to `anatomy_r1.evaluation.evaluate.evaluate`. The log is kept: a broken-off submission goes on from it.

    Raises:
        AnatomyR1Error: as `evaluate` and `score`.
    """
    from anatomy_r1.evaluation.evaluate import evaluate

    done = evaluate(task, data, model, log, **options)
    scores = _scored(log, data, done.run)
    return Submission(
        scores=scores,
        origin={"kind": "model", "files": {}, "model": model.name, "run": done.run},
        not_known=(),
        said=done.metrics,
        differences=tuple(_differences(done.metrics, scores.overall)),
        spent=sampling_cost(log, scores.plan["weights"]),
    )


def _scored(log: Path, data: Path, run: str | None) -> Scores:
    try:
        scores = score(log, data, run)
    except (KeyError, TypeError, AttributeError) as error:  # a plan may say anything
        raise AnatomyR1Error(f"{log}: the run's plan is none of ours ({error!r:.120}). Fix: evaluate again") from error
    plan = scores.plan
    for name, wanted in (("images", "real"), ("split", "test"), ("limit", None)):
        if plan[name] != wanted:
            fix = "Fix: evaluate all test questions with their own pictures, and submit that log"
            raise AnatomyR1Error(f"{log}: run {scores.run} has {name} {str(plan[name])[:40]!r}, not {wanted!r}. {fix}")
    if plan["style"] not in ("think", "direct"):
        raise AnatomyR1Error(f"{log}: run {scores.run} has no prompt style of ours. Fix: evaluate again")
    return scores


def verified(scores: Scores) -> bool:
    """Whether the log knows its weights by their bytes; a server's word on them is longer."""
    weights = str(scores.plan["weights"])
    return len(weights) == 16 and set(weights) <= set("0123456789abcdef")


def _differences(said: Mapping[str, float], ours: Mapping[str, float]) -> Iterator[str]:
    for name in STATED:
        if said.get(name) != ours[name]:
            yield f"{name}: {said.get(name)!r} by lm-eval, {ours[name]!r} from the log"
