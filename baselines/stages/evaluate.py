"""Evaluate one cell: sample through the core's engine into a response log, score the log, store the result.

A control answers by itself. Every result carries its leakage passport.
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
from anatomy_r1.evaluation.blind_controls import CONTROLS, of_other_clusters, table
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.evaluation.views import VIEWS, row
from anatomy_r1.prompts import canonical_wording, prompt_hash, render_text
from anatomy_r1.provenance import provenance
from anatomy_r1.results.record import sampling_record, spent
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, Result, save_result
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import question_table
from anatomy_r1.scoring.score import score
from anatomy_r1.training.certificate.certify import certify
from anatomy_r1.training.certificate.evidence import load_evidence
from anatomy_r1.training.training_log import SETTINGS_NAME
from baselines.experiment.cell import Cell, Layout, Run
from baselines.experiment.profile import digest
from baselines.experiment.settings import settings
from baselines.methods.control import NAMES
from baselines.methods.method import Method
from baselines.runtime.progress import ProgressCallback


def evaluate_cell(run: Run, cell: Cell, arm: str, report: ProgressCallback) -> None:
    """Answer all test questions, score the answers, and put the cell into the result store."""
    report(0, 1)
    questions, particulars = _controlled(run, cell) if cell.method.kind == "control" else _sampled(run, cell, arm)
    save_result(
        run.layout.store(),
        Result(
            profile=run.profile.name,
            benchmark=cell.benchmark,
            model=cell.model,
            method=row(cell.method_id, cell.view),
            arm=arm,
            seed=cell.seed,
            style="none" if cell.method.kind == "control" else cell.method.style,
            questions=questions,
            provenance={**_provenance(run, cell), **particulars},
        ),
    )


Outcome = tuple[pd.DataFrame, dict[str, Any]]
"""A question table, and what its provenance holds besides that of every cell."""


def _sampled(run: Run, cell: Cell, arm: str) -> Outcome:
    """Sample what the log lacks, and score all of it."""
    profile, layout = run.profile, run.layout
    data, options = layout.data(cell.benchmark), {**profile.evaluation, **VIEWS[cell.view]}
    log = layout.responses(cell) / f"{digest([settings(profile, cell), options, arm])}.sqlite"
    weights, seed = layout.policy(cell, arm), cell.seed
    wording, style = _wording(layout, cell), cell.method.style
    asked: dict[str, Any] = {"style": style, "wording": wording, "seed": seed, "split": "test"}
    done = evaluate(cell.benchmark, data, weights, log, **asked, **options)
    scores = score(log, data, run=done.run)
    return question_table(scores), {
        "training": _training(layout.train(cell) / SETTINGS_NAME, arm),
        "prompt": prompt_hash(render_text("", ("",), style, wording or canonical_wording(cell.benchmark))),
        **sampling_record(scores),
        "spent": spent(log, scores.plan["weights"]),
        "leakage": _leakage(layout, cell).as_dict(),
        "certificate": _certificate(layout, cell),
        **_released(layout, cell),
    }


def _controlled(run: Run, cell: Cell) -> Outcome:
    """Answer without a model, from training questions of other clusters than those asked about."""
    data, started = run.layout.data(cell.benchmark), time.monotonic()
    asked = load(data, "test").questions
    learnt = of_other_clusters(load(data, "train").questions, asked)
    questions = table(asked, CONTROLS[NAMES[cell.method_id]](learnt, asked))
    return questions, {
        "training": None,  # no step and no token
        "control": {"name": NAMES[cell.method_id], "learnt_from": len(learnt), "scikit_learn": version("scikit-learn")},
        "spent": {"tokens": 0, "seconds": time.monotonic() - started},
        "metrics": {"n": len(questions), f"avg@{K}": float(questions["greedy"].mean())},
        "leakage": passport(learnt, asked, no_hashes="the control sees no pictures").as_dict(),
    }


def _leakage(layout: Layout, cell: Cell) -> Passport:
    """That of the questions it learnt from; what was not trained has learnt from none of them."""
    data, learnt = layout.data(cell.benchmark), layout.learns_from(cell)
    if not cell.method.trained:
        return passport((), load(data, "test").questions, hashes=({}, {}))
    return leakage(data) if learnt == data else leakage(learnt, data)


def _certificate(layout: Layout, cell: Cell) -> dict[str, Any] | None:
    """What the training log proves; None for a policy that was not trained."""
    if not cell.method.trained:
        return None
    return certify(load_evidence(layout.train(cell), load(layout.learns_from(cell), "train"))).as_dict()


def _wording(layout: Layout, cell: Cell) -> str | None:
    """That of its training prompts (ours; the paper is silent): another would be one that the policy never read."""
    return load(layout.learns_from(cell), "train").wording if cell.data == AS_RELEASED else None


def _released(layout: Layout, cell: Cell) -> dict[str, Any]:
    """Which file a cell of the arm as released learnt from, and in which wording it was asked."""
    if cell.data != AS_RELEASED:
        return {}
    manifest = load_manifest(layout.learns_from(cell))
    stated = {"questions_sha256": manifest["questions_sha256"], "generated": manifest["generated"]}
    return {"released": {"file": cell.method.release, "wording": _wording(layout, cell), **stated}}


def _provenance(run: Run, cell: Cell) -> dict[str, Any]:
    """What every cell was made from: code, data, profile."""
    manifest = load_manifest(run.layout.data(cell.benchmark))
    return {
        **provenance(),
        "note": run.profile.note.strip(),
        "data": {key: manifest[key] for key in ("questions_sha256", "seed", "generated")},
        **_own_method(cell.method),
    }


def _own_method(method: Method) -> dict[str, Any]:
    """What a method of a user's file says of itself, and which file it was."""
    if not method.file_sha256:
        return {}
    return {"method": {name: getattr(method, name) for name in ("label", "paper", "file_sha256")}}


def _training(path: Path, arm: str) -> dict[str, Any] | None:
    """The record of the training, with what the policy of this arm cost; None for a policy that was not trained."""
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text())
    equal = record.pop("equal_tokens", None)
    return record if arm != EQUAL_TOKENS else {**record, **equal}
