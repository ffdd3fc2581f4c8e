"""What a stored result keeps of a run's scores next to its question table. Used by the pipeline and by submissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.extraction import reason_counts
from anatomy_r1.scoring.report import diagnostics
from anatomy_r1.scoring.score import Scores


def sampling_record(scores: Scores, *, truncation_known: bool = True) -> dict[str, Any]:
    """Provenance that follows from the responses: what was asked, metrics, reasons, diagnostics.

    `truncation_known`: whether it is known which responses were cut off; if not, the truncation rate is left out.
    """
    return {
        "sampling": dict(scores.plan),
        "metrics": {k: v for k, v in scores.overall.items() if truncation_known or k != "truncation_rate"},
        "reasons": reason_counts(scores.extractions),
        **diagnostics(scores),
    }


def sampling_cost(log: Path, weights: str) -> dict[str, float]:
    """Tokens generated and seconds spent by these weights; the log may also hold responses of earlier weights."""
    with ResponseLog(log, read_only=True) as opened:
        rows = [(one.tokens, one.seconds) for one in opened.rows() if one.key.weights == weights]
    return {"tokens": sum(tokens for tokens, _ in rows), "seconds": sum(seconds for _, seconds in rows)}
