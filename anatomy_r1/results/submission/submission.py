"""A submission: responses made elsewhere, scored here. From a response log or a model; see also `lm_eval_source`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.items import IMAGE
from anatomy_r1.files import file_sha256
from anatomy_r1.prompts import Style, canonical_wording, prompt_hash, render_text
from anatomy_r1.results.store import cost_of, sampling_record
from anatomy_r1.scoring.complete_run import load_complete_run
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import question_table
from anatomy_r1.scoring.score import Scores, score_run

LITERAL_IMAGE = (
    "each text sent began with a literal <image>, which `evaluate` and this release's task do not send: the wording "
    "is another one"
)
CLAIMED = (f"avg@{K}", "pass@1", f"major@{K}", "greedy", "parse_rate")
"""Metrics that a submission may come with. They are computed again here, and never used."""


@dataclass(frozen=True)
class Submission:
    """Responses made elsewhere, scored here."""

    scores: Scores
    origin: Mapping[str, Any]
    """Kind of source, hashes of its files, and what it states about itself."""
    not_known: tuple[str, ...]
    """What a result of our own pipeline records and this one cannot, in words."""
    claimed: Mapping[str, float] = field(default_factory=dict)
    """The metrics that came with it."""
    differences: tuple[str, ...] = ()
    """Where these are not exactly those of our scorer."""
    wording_known: bool = True
    """Whether the prompts are known to have this release's wording."""
    literal_image: bool = False
    """Whether each text that was sent began with a literal `<image>`, which `evaluate` does not send."""
    truncation_known: bool = True
    """Whether it is known which responses ended at the token limit."""
    cost: Mapping[str, float | None] | None = None
    """Tokens and seconds of the sampling, if known."""

    def questions(self) -> pd.DataFrame:
        """The question table. What is not known is empty, not zero."""
        table = question_table(self.scores)
        return table if self.truncation_known else table.assign(truncated=float("nan"))

    def provenance(self) -> dict[str, Any]:
        """The provenance of the result, except for code, data and leakage."""
        scores = self.scores
        style: Style = "direct" if scores.plan["style"] == "direct" else "think"
        text = render_text("", ("",), style, canonical_wording(scores.benchmark))
        # a hash of its own keeps such results from being compared with others unnoticed
        wording = prompt_hash(IMAGE * self.literal_image + text)
        return {
            **sampling_record(scores, truncation_known=self.truncation_known),
            "prompts": scores.prompts,
            **({"prompt": wording} if self.wording_known else {}),
            **({"spent": dict(self.cost)} if self.cost is not None else {}),
            "submitted": {
                **self.origin,
                "said": dict(self.claimed),
                "differences": list(self.differences),
                "not_known": list(self.not_known),
                **({"prompts": LITERAL_IMAGE} if self.literal_image else {}),
            },
        }


def from_log(log: Path, data: Path, run: str | None = None) -> Submission:
    """Score one run of a response log, which must have asked all test questions with their own images."""
    scores, cost = _scored(log, data, run)
    unknown, weights = ("version of the task", "wording of the prompts"), str(scores.plan["weights"])
    # The log may identify its weights by a hash of their bytes; a server's name for them is longer.
    verified = len(weights) == 16 and set(weights) <= set("0123456789abcdef")
    return Submission(
        scores=scores,
        origin={"kind": "response log", "files": {log.name: file_sha256(log)}, "run": scores.run},
        not_known=unknown if verified else ("weights", *unknown),
        wording_known=False,
        cost=cost,
    )


def from_model(task: str, data: Path, model: Path, log: Path, **options: Any) -> Submission:
    """Evaluate a model on all test questions of a benchmark, and score its responses.

    `options` go to `anatomy_r1.evaluation.evaluate.evaluate`. The log is kept: an interrupted submission resumes there.
    """
    from anatomy_r1.evaluation.evaluate import evaluate

    done = evaluate(task, data, model, log, **options)
    scores, cost = _scored(log, data, done.run)
    claimed, ours = done.metrics, scores.overall
    return Submission(
        scores=scores,
        origin={"kind": "model", "files": {}, "model": model.name, "run": done.run},
        not_known=(),
        claimed=claimed,
        differences=tuple(
            f"{name}: {claimed.get(name)!r} by lm-eval, {ours[name]!r} from the log"
            for name in CLAIMED
            if claimed.get(name) != ours[name]
        ),
        cost=cost,
    )


def _scored(log: Path, data: Path, run: str | None) -> tuple[Scores, dict[str, float | None]]:
    """Scores and cost of one run: the log may hold others of the same weights, such as the controls."""
    try:
        complete = load_complete_run(log, data, run)
        scores = score_run(complete)
    except (KeyError, TypeError, AttributeError) as error:  # the plan of a foreign log may be anything
        problem = f"the run's plan is not one of ours ({error!r:.120})"
        raise AnatomyR1Error(f"{log}: {problem}. Fix: evaluate again") from error
    plan = scores.plan
    asked = {"options": "given", **plan}
    for name, wanted in (("images", "real"), ("split", "test"), ("limit", None), ("options", "given")):
        if asked[name] != wanted:
            fix = "Fix: evaluate all test questions with their own images and options, and submit that log"
            raise AnatomyR1Error(f"{log}: run {scores.run} has {name} {str(asked[name])[:40]!r}, not {wanted!r}. {fix}")
    if plan["style"] not in ("think", "direct"):
        raise AnatomyR1Error(f"{log}: run {scores.run} has none of our prompt styles. Fix: evaluate again")
    return scores, cost_of(response for six in complete.responses for response in six)
