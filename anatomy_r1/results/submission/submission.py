"""What a submission comes to once it is scored, before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from anatomy_r1.prompts import Style, canonical_wording, prompt_hash, render_text
from anatomy_r1.results.record import sampling_record
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import question_table
from anatomy_r1.scoring.score import Scores

STATED = (f"avg@{K}", "pass@1", f"major@{K}", "greedy", "parse_rate")
"""Numbers that come with a submission, and that are computed anew here."""


@dataclass(frozen=True)
class Submission:
    """Responses of someone else's, scored here."""

    scores: Scores
    origin: Mapping[str, Any]
    """Kind of source, hashes of its files, and what it says of itself."""
    not_known: tuple[str, ...]
    """What a result of our own grid records and this one cannot, in words."""
    said: Mapping[str, float] = field(default_factory=dict)
    """The numbers that came with it."""
    differences: tuple[str, ...] = ()
    """Where they are not those of our scorer, to the last digit."""
    wording_known: bool = True
    """Whether the prompts are known to be this release's, word for word."""
    cut_known: bool = True
    """Whether it is known which responses ended at the token limit."""
    spent: Mapping[str, float] | None = None
    """Tokens and seconds of the sampling, where they are known."""

    def questions(self) -> pd.DataFrame:
        """The question table; what is not known of it is empty, not zero."""
        table = question_table(self.scores)
        return table if self.cut_known else table.assign(truncated=float("nan"))

    def provenance(self) -> dict[str, Any]:
        """What the store keeps of it, besides code, data and leakage."""
        scores = self.scores
        style: Style = "direct" if scores.plan["style"] == "direct" else "think"
        wording = prompt_hash(render_text("", ("",), style, canonical_wording(scores.benchmark)))
        return {
            **sampling_record(scores, truncation_known=self.cut_known),
            "prompts": scores.prompts,
            **({"prompt": wording} if self.wording_known else {}),
            **({"spent": dict(self.spent)} if self.spent is not None else {}),
            "submitted": {
                **self.origin,
                "said": dict(self.said),
                "differences": list(self.differences),
                "not_known": list(self.not_known),
            },
        }
