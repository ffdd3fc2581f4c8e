"""Trainings that another number of processes made: the same plan otherwise, and yet another training.

Batches and random numbers depend on the number of processes, so it is part of a training's plan. A finished training of
another number is neither taken for the profile's nor replaced: it may have taken weeks, and Snakemake would remove its
record before the new one begins. An unfinished one lies in the same work folder (`work_digest`), where its checkpoint
says how many processes made it (`baselines/stages/train.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.training_log import SETTINGS_NAME
from baselines.experiment.cell import PROCESSES, Cell, Layout, settings
from baselines.experiment.profile import Profile, digest


def work_digest(plan: Mapping[str, Any]) -> str:
    """Name of the work folder of a plan, whatever its number of processes."""
    return digest(_without(plan))


def of_other_processes(profile: Profile, layout: Layout, cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    """(what is there, the fix) of each finished training that differs from the profile's plan in nothing else."""
    here = profile.launch.processes
    for cell in cells:
        folder = layout.train(cell)
        found, plan = finished_plan(folder), settings(profile, cell)
        if found is None or digest(found) == digest(plan) or work_digest(found) != work_digest(plan):
            continue
        made = int(found.get(PROCESSES, 1))
        told = f"{folder}: trained by {_said(made)}, and this training has {here}: another training"
        yield told, f"launch.processes: {made} in the profile, another --runs, or move the folder away to train again"


def refuse_other_processes(profile: Profile, layout: Layout, cells: Iterable[Cell]) -> None:
    """Stop before anything is replaced.

    Raises:
        AnatomyR1Error: A finished training was made by another number of processes.
    """
    for told, fix in of_other_processes(profile, layout, cells):
        raise AnatomyR1Error(f"{told}. Fix: {fix}")


def finished_plan(folder: Path) -> Mapping[str, Any] | None:
    """The plan of a finished training; None if there is none, or no record that can be read."""
    try:
        plan = json.loads((folder / SETTINGS_NAME).read_text())["plan"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return plan if isinstance(plan, Mapping) else None


def _without(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan, and those that it starts from, without their numbers of processes."""
    rest = {key: value for key, value in plan.items() if key != PROCESSES}
    parent = rest.get("parent")
    return {**rest, "parent": _without(parent)} if isinstance(parent, Mapping) else rest


def _said(count: int) -> str:
    return f"{count} processes" if count > 1 else "1 process"
