"""Publication: a finished training appears atomically as one folder with its policies, log and settings."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from anatomy_r1.files import atomic_folder
from anatomy_r1.results.store import EQUAL_TOKENS
from anatomy_r1.training.training_log import BATCHES, LOG_NAME, SETTINGS_NAME, read
from baselines.experiment.cell import OWN, POLICIES
from baselines.experiment.profile import digest


def publish(processor: Any, work: Path, out: Path, record: dict[str, Any]) -> None:
    """Move model, processor, log and settings to `out`; the policy of equal tokens becomes a folder inside."""
    with atomic_folder(out) as ready:
        record = {**record, **_take_policies(work, ready, processor)}
        processor.save_pretrained(ready)
        shutil.copy2(work / LOG_NAME, ready / LOG_NAME)
        if (work / BATCHES).is_dir():
            shutil.copytree(work / BATCHES, ready / BATCHES)
        (ready / SETTINGS_NAME).write_text(json.dumps(record, indent=1, sort_keys=True, default=str) + "\n")
    shutil.rmtree(work)


def _take_policies(work: Path, ready: Path, processor: Any) -> dict[str, Any]:
    """Link the kept policies: a killed publication must find them again, and copies may be large."""
    from baselines.trainers.callbacks import REACHED, read_reached

    kept = {name: work / POLICIES / name for name in (OWN, EQUAL_TOKENS) if (work / POLICIES / name).is_dir()}
    ended = read_reached(kept[OWN])["step"] if (kept[OWN] / REACHED).exists() else None  # SFT has one budget
    costs: dict[str, Any] = {"spent": spent(work / LOG_NAME, ended)}
    shutil.copytree(kept[OWN], ready, copy_function=os.link, dirs_exist_ok=True)
    if EQUAL_TOKENS in kept:
        shutil.copytree(kept[EQUAL_TOKENS], ready / EQUAL_TOKENS, copy_function=os.link)
        processor.save_pretrained(ready / EQUAL_TOKENS)
        reached = read_reached(kept[EQUAL_TOKENS])
        cost = spent(work / LOG_NAME, reached["step"])
        costs["equal_tokens"] = {"spent": cost, "reached": reached["reached"]}
    return costs


def spent(log: Path, until: int | None = None) -> dict[str, float]:
    """Cost of training up to a step: optimiser steps, wall-clock seconds, sampled tokens (0 in SFT)."""
    steps = read(log, "steps")
    steps = steps if until is None else steps[steps["step"] <= until]
    tokens = int(steps["rollout_tokens"].iloc[-1]) if len(steps) else 0
    return {"steps": len(steps), "seconds": float(steps["seconds"].sum()), "rollout_tokens": tokens}


def is_published(out: Path, plan: dict[str, Any]) -> bool:
    """Whether `out` was trained by this very plan, perhaps by a process that outlived a killed grid."""
    path = out / SETTINGS_NAME
    return path.is_file() and digest(json.loads(path.read_text())["plan"]) == digest(plan)
