"""What unfinished work was begun with: the questions and the weights that its plan names, but does not hash.

A plan has the options of a benchmark and the name of a base. Other questions may be prepared under the same options
(another world, other files of real data), and a base or a parent may be trained again. Snakemake then trains again what
was finished; a checkpoint of the work folder would go on with other questions as if nothing had happened.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from anatomy_r1.data.prepared import MANIFEST
from anatomy_r1.files import file_sha256, identity_of, write_atomic
from anatomy_r1.training.training_log import SETTINGS_NAME
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.finished import finished_plan, work_digest
from baselines.experiment.profile import digest

RECORD = "inputs.json"
"""In the work folder of a training."""
_SOURCE = "source.json"
"""In a base from the hub: its commit (`baselines/stages/policy.py`)."""


def forget_other_inputs(run: GridRun, cell: Cell) -> None:
    """Remove the unfinished work of a training if it was begun with other questions or weights; record those of now."""
    plan = settings(run.profile, cell)
    work, found = run.layout.work(work_digest(plan)), finished_plan(run.layout.train(cell))
    if found and digest(found) == digest(plan):
        return  # nothing is left to do
    record, now = work / RECORD, inputs(run.layout, cell)
    if record.is_file() and json.loads(record.read_text()) != now:  # without a record, it is of an earlier version
        print(f"{work}: begun with other questions or weights, so training starts again", flush=True)
        shutil.rmtree(work)
    write_atomic(record, json.dumps(now, indent=1, sort_keys=True) + "\n")


def inputs(layout: Layout, cell: Cell) -> dict[str, str]:
    """Hashes of the questions that a cell is trained on, and of the weights that it starts from."""
    questions = json.loads((layout.learns_from(cell) / MANIFEST).read_text())["questions_sha256"]
    return {"questions": questions, "start": weights(layout.start(cell))}


def weights(folder: Path) -> str:
    """What tells a model from another of its name: its training's record, commit or weights; "" if it has none."""
    if (folder / SETTINGS_NAME).is_file():
        return file_sha256(folder / SETTINGS_NAME)
    if (folder / _SOURCE).is_file():
        return str(json.loads((folder / _SOURCE).read_text())["commit"])
    found = [*folder.glob("*.safetensors")]
    return identity_of(found) if found else ""
