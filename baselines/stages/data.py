"""Prepare a benchmark for the grid: the profile's data section is the options of `anatomy-r1 data prepare`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy_r1.cli.data import add_data_commands
from anatomy_r1.data.leakage.sides import leakage
from anatomy_r1.data.leakage.text import as_text
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini.released_twin import twin
from baselines.experiment.cell import GridRun

ROOT_VARIABLE = "ANATOMY_R1_DATA_ROOT"
"""Environment variable that says where real data lie: a folder with SSG-VQA/, CholecT45/ and OmniMedVQA/; for the
arm as released also released/, with the authors' three files."""


def prepare(run: GridRun, benchmark: str) -> None:
    """Run the command that a person would type, and fail when it does; then look once for what train and test share."""
    root = run.layout.world() if run.profile.generated else _real_root()
    command = prepare_command(run.profile.data[benchmark], root, run.layout.data(benchmark))
    _run(command, f"preparing {benchmark} from {root}")
    print(as_text(leakage(run.layout.data(benchmark))), flush=True)


def prepare_released(run: GridRun, benchmark: str, file: str) -> None:
    """One of the authors' files as a training set: in generated data its twin, which is written first.

    Raises:
        AnatomyR1Error: when the file or what it names is missing.
    """
    generated, out = run.profile.generated, run.layout.released(benchmark, file)
    root = run.layout.world() if generated else _real_root()
    path = _twin(root, out.with_suffix(".json"), run.profile.released[benchmark]) if generated else None
    words = ["data", "prepare", "released", str(path or root / "released" / f"{file}.json"), "--out", str(out)]
    words += ["--frames", str(root / "CholecT45" / "data"), "--scene-graphs", str(root / "SSG-VQA" / "scene_graph")]
    _run(words, f"preparing {file} for {benchmark} from {root}")
    print(as_text(leakage(out, run.layout.data(benchmark))), flush=True)


def _twin(world: Path, path: Path, options: Mapping[str, Any]) -> Path:
    records = twin(world, **options)[path.stem]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".tmp").write_text(json.dumps(records, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
    return path.with_suffix(".tmp").replace(path)


def _run(command: list[str], what: str) -> None:
    """The command that a person would type.

    Raises:
        AnatomyR1Error: when it fails.
    """
    print("anatomy-r1", *command, flush=True)
    parser = argparse.ArgumentParser()
    add_data_commands(parser.add_subparsers(required=True))
    arguments = parser.parse_args(command)
    if arguments.run(arguments) != 0:
        raise AnatomyR1Error(f"{what} failed; the reason stands above")


def prepare_command(section: Mapping[str, Any], root: Path, out: Path) -> list[str]:
    """Words of the command for a profile's data section; a null option is left to its default."""
    options = [(name, value) for name, value in section.items() if name != "source" and value is not None]
    words = [word for name, value in options for word in (f"--{name.replace('_', '-')}", str(value))]
    return ["data", "prepare", section["source"], "--root", str(root), "--out", str(out), *words]


def _real_root() -> Path:
    if ROOT_VARIABLE not in os.environ:
        raise AnatomyR1Error(f"set {ROOT_VARIABLE} to the folder that holds SSG-VQA/, CholecT45/ and OmniMedVQA/")
    return Path(os.environ[ROOT_VARIABLE])
