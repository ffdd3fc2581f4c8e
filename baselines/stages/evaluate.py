"""Evaluate one cell: sample responses into a log, score the log, store the result with its leakage passport and the
best rule that sees no image.

Controls answer without a model.
"""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.data.leakage.passport import Passport, passport
from anatomy_r1.data.leakage.sides import leakage
from anatomy_r1.data.prepared import load, load_manifest
from anatomy_r1.evaluation.blind_controls import CONTROLS, exclude_test_clusters, question_rows
from anatomy_r1.evaluation.config import EvaluationConfig
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.evaluation.views import VIEWS, row_name
from anatomy_r1.prompts import canonical_wording, prompt_hash, render_text
from anatomy_r1.provenance import provenance
from anatomy_r1.results.blind_record import with_blind
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, Result, sampling_cost, sampling_record, save_result
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import question_table
from anatomy_r1.scoring.score import score
from anatomy_r1.training.certificate.certificate import load_evidence
from anatomy_r1.training.certificate.certify import certify
from anatomy_r1.training.training_log import SETTINGS_NAME
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.profile import digest
from baselines.methods.control import NAMES
from baselines.runtime.progress import ProgressCallback


def evaluate_cell(run: GridRun, cell: Cell, arm: str, report: ProgressCallback) -> None:
    """Answer all test questions, score the answers, and save the cell to the result store."""
    report(0, 1)
    method, manifest = cell.method, load_manifest(run.layout.data(cell.asked))
    questions, particulars = _controlled(run, cell) if method.kind == "control" else _sampled(run, cell, arm)
    made = {
        **provenance(),
        "note": run.profile.note.strip(),
        "data": {key: manifest[key] for key in ("questions_sha256", "seed", "generated")},
    }
    if method.file_sha256:  # a method from a user's file
        made["method"] = {name: getattr(method, name) for name in ("label", "paper", "file_sha256")}
    result = Result(
        profile=run.profile.name,
        benchmark=cell.benchmark,
        model=cell.model,
        method=row_name(cell.method_id, cell.view),
        arm=arm,
        seed=cell.seed,
        style="none" if method.kind == "control" else method.style,
        questions=questions,
        provenance={**made, **particulars},
        base=cell.base,
    )
    save_result(run.layout.store(), with_blind(result, run.layout.data(cell.asked)))


def _sampled(run: GridRun, cell: Cell, arm: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Sample what the log lacks, and score all of it; the question table, and the provenance specific to the cell."""
    profile, layout, style = run.profile, run.layout, cell.method.style
    data, learnt = layout.data(cell.asked), layout.learns_from(cell)
    options = {**profile.evaluation, **VIEWS[cell.view]}
    asked = [cell.asked] if cell.asked != cell.benchmark else []  # a log of its own: views are evaluated side by side
    log = layout.responses(cell) / f"{digest([settings(profile, cell), options, arm, *asked])}.sqlite"
    wording, released = None, {}
    if cell.data == AS_RELEASED:  # asked as in training (ours; the paper does not say): it has never seen other wording
        wording, manifest = load(learnt, "train").wording, load_manifest(learnt)
        stated = {"questions_sha256": manifest["questions_sha256"], "generated": manifest["generated"]}
        released = {"released": {"file": cell.method.release, "wording": wording, **stated}}
    config = EvaluationConfig(style=style, wording=wording, seed=cell.seed, **options)
    done = evaluate(cell.asked, data, layout.policy(cell, arm), log, config)
    scores = score(log, data, run=done.run)
    trained = load_evidence(layout.train(cell), load(learnt, "train")) if cell.method.trained else None
    return question_table(scores), {
        "training": _training(layout.train(cell) / SETTINGS_NAME, arm),
        "prompt": prompt_hash(render_text("", ("",), style, wording or canonical_wording(cell.asked))),
        **sampling_record(scores),
        "spent": sampling_cost(log, scores.plan["weights"], scores.benchmark),
        "leakage": _leakage(layout, cell).as_dict(),
        "certificate": certify(trained).as_dict() if trained else None,
        **released,
    }


def _controlled(run: GridRun, cell: Cell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Answer without a model, from training questions of other clusters than those asked about."""
    data, started = run.layout.data(cell.benchmark), time.monotonic()
    asked = load(data, "test").questions
    learnt = exclude_test_clusters(load(data, "train").questions, asked)
    questions = question_rows(asked, CONTROLS[NAMES[cell.method_id]](learnt, asked))
    return questions, {
        "training": None,  # no steps, no tokens
        "control": {"name": NAMES[cell.method_id], "learnt_from": len(learnt), "scikit_learn": version("scikit-learn")},
        "spent": {"tokens": 0, "seconds": time.monotonic() - started},
        "metrics": {"n": len(questions), f"avg@{K}": float(questions["greedy"].mean())},
        "leakage": passport(learnt, asked, no_hashes="the control sees no pictures").as_dict(),
    }


def _leakage(layout: Layout, cell: Cell) -> Passport:
    """Leakage between test questions and the cell's training questions; an untrained cell has none."""
    data, learnt = layout.data(cell.asked), layout.learns_from(cell)
    if not cell.method.trained:
        return passport((), load(data, "test").questions, hashes=({}, {}))
    return leakage(data) if learnt == data else leakage(learnt, data)


def _training(path: Path, arm: str) -> dict[str, Any] | None:
    """Record of the training, with the cost of this arm's policy; None for an untrained policy."""
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text())
    equal = record.pop("equal_tokens", None)
    return record if arm != EQUAL_TOKENS else {**record, **equal}
