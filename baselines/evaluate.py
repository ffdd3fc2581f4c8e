"""Evaluate one cell: sample through the core's engine into a response log, score the log, store the result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anatomy_r1.evaluate import evaluate
from anatomy_r1.extraction import reason_counts
from anatomy_r1.gates import unfit
from anatomy_r1.prepared import load_manifest
from anatomy_r1.prompts import canonical_wording, prompt_hash, render_text
from anatomy_r1.provenance import provenance
from anatomy_r1.responses import ResponseLog
from anatomy_r1.results import EQUAL_TOKENS, Result, save_result
from anatomy_r1.score import Scores, score
from baselines.cell import Cell, Run
from baselines.profile import digest
from baselines.publish import SETTINGS_NAME
from baselines.train import Report, settings


def evaluate_cell(run: Run, cell: Cell, arm: str, report: Report) -> None:
    """Sample what the log lacks, score all of it, and put the cell into the result store."""
    profile, layout = run.profile, run.layout
    data, options = layout.data(cell.benchmark), dict(profile.evaluation)
    log = layout.responses(cell) / f"{digest([settings(profile, cell), options, arm])}.sqlite"
    report(0, 1)
    done = evaluate(
        cell.benchmark,
        data,
        layout.policy(cell, arm),
        log,
        style=cell.method.style,
        seed=cell.seed,
        split="test",
        **options,
    )
    scores = score(log, data, run=done.run)
    save_result(
        layout.store(),
        Result(
            profile=profile.name,
            benchmark=cell.benchmark,
            model=cell.model,
            method=cell.method_id,
            arm=arm,
            seed=cell.seed,
            style=cell.method.style,
            questions=scores.table(),
            provenance=_provenance(run, cell, arm, scores, log),
        ),
    )


def _provenance(run: Run, cell: Cell, arm: str, scores: Scores, log: Path) -> dict[str, Any]:
    """From what the numbers were made: code, data, training as it really ran, sampling as it was asked."""
    manifest = load_manifest(run.layout.data(cell.benchmark))
    return {
        **provenance(),
        "note": run.profile.note.strip(),
        "data": {key: manifest[key] for key in ("questions_sha256", "seed", "generated")},
        "training": _training(run.layout.train(cell) / SETTINGS_NAME, arm),
        "prompt": prompt_hash(render_text("", ("",), cell.method.style, canonical_wording(cell.benchmark))),
        "sampling": dict(scores.plan),
        "spent": _spent(log, scores.plan["weights"]),
        "metrics": dict(scores.overall),
        "reasons": reason_counts(scores.outcomes),
        "unfit": list(unfit(scores)),
    }


def _training(settings: Path, arm: str) -> dict[str, Any] | None:
    """The record of the training, with what the policy of this arm cost; None for a policy that was not trained."""
    if not settings.is_file():
        return None
    record: dict[str, Any] = json.loads(settings.read_text())
    equal = record.pop("equal_tokens", None)
    return record if arm != EQUAL_TOKENS else {**record, **equal}


def _spent(log: Path, weights: str) -> dict[str, float]:
    """Tokens generated and seconds of generation by these weights: the log keeps those of earlier ones."""
    with ResponseLog(log, read_only=True) as opened:
        rows = [(one.tokens, one.seconds) for one in opened.rows() if one.key.weights == weights]
    return {"tokens": sum(tokens for tokens, _ in rows), "seconds": sum(seconds for _, seconds in rows)}
