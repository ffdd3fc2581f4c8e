"""A run of a few steps beside a real one: the same models, data and world, trainings of its own."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from anatomy_r1.results.store import MATCHED
from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.profile import load_profile
from baselines.stages.stages import run_stage


def make_inputs(run: GridRun, cells: Iterable[Cell]) -> None:
    """Make what is missing of the world, data and bases that these trainings need."""
    layout = run.layout
    needed = {("world", "world"): layout.world()} if run.profile.generated else {}
    for cell in cells:
        needed["data", cell.benchmark] = layout.data(cell.benchmark)
        needed["base", cell.base_model] = layout.base(cell.base_model)
    for (stage, name), output in needed.items():
        if not output.exists():
            run_stage(stage, name, run)


def short_run(run: GridRun, root: Path, changes: Mapping[str, Any]) -> GridRun:
    """The run in the folder `root`, which is emptied, with `changes` in every training section that has these keys."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for name in ("models", "data", "world"):
        if (run.layout.root / name).exists():
            (root / name).symlink_to(run.layout.root / name)
    training = {
        section: {**given, **{name: value for name, value in changes.items() if name in given}}
        for section, given in run.profile.training.items()
    }
    path = root / "profile.yaml"  # worker processes load it again
    default = {**run.profile.default, "arms": [MATCHED]}  # without a second budget there is no other arm
    short = dataclasses.replace(run.profile, training=training, default=default)
    path.write_text(yaml.safe_dump(dataclasses.asdict(short)))
    return GridRun(load_profile(str(path)), Layout(root), str(path), method_files=run.method_files)
