"""Scores of a run -> what the result store keeps of them, whoever ran it: our grid or someone who submits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.outcomes import reason_counts
from anatomy_r1.scoring.position_bias import as_dict as position_bias_as_dict
from anatomy_r1.scoring.position_bias import position_bias
from anatomy_r1.scoring.question_table import as_dict as rotations_as_dict
from anatomy_r1.scoring.question_table import counts_of_scores, question_table, rotation_scores
from anatomy_r1.scoring.score import Scores
from anatomy_r1.scoring.validity import unfit


def sampling_record(scores: Scores, *, truncation_known: bool = True) -> dict[str, Any]:
    """The part of a result's provenance that its responses decide: what was asked, means, reasons, what is unfit.

    Where it is not known which responses were cut off, the rate of truncation is left out.
    """
    questions = question_table(scores)
    metrics = {k: v for k, v in scores.overall.items() if truncation_known or k != "truncation_rate"}
    return {
        "sampling": dict(scores.plan),
        "metrics": metrics,
        "positions": position_bias_as_dict(position_bias(counts_of_scores(scores))),
        **({"rotations": rotations_as_dict(rotation_scores(questions))} if scores.rotated else {}),
        "reasons": reason_counts(scores.outcomes),
        "unfit": list(unfit(scores)),
    }


def spent(log: Path, weights: str) -> dict[str, float]:
    """Tokens generated and seconds of generation by these weights; the log may hold those of earlier weights too."""
    with ResponseLog(log, read_only=True) as opened:
        rows = [(one.tokens, one.seconds) for one in opened.rows() if one.key.weights == weights]
    return {"tokens": sum(tokens for tokens, _ in rows), "seconds": sum(seconds for _, seconds in rows)}
