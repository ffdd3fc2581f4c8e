"""The run of the parts `doctor` and `vllm`: the profile of one GPU over the bench's random weights and images.

Nothing is downloaded, so that a machine without a network will do. In a rehearsal the model is the mini world's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from baselines.bench.cases import BENCHMARK, MODELS, Case, model_entry
from baselines.bench.inputs import data_of, model_of, prepare, prepared
from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.plan import Selection, select
from baselines.experiment.profile import Profile, load_profile
from baselines.preflight.smoke import run_apart
from baselines.stages.stages import run_stage

SIZE, TUNING = "3b", "lora"
"""The model that fits every GPU of the profile."""
STEP = {"max_steps": 1, "own_steps": 1, "rollout_tokens": 0, "warmup_steps": 0, "save_steps": 5}
TOKENS = 32
"""Longest completion of a step that is only to end (ours)."""


def case(rehearsal: bool) -> Case:
    """The bench's case whose weights and images are used."""
    return Case("mini" if rehearsal else SIZE, TUNING, "grpo", rehearsal=rehearsal)


def model_name(rehearsal: bool) -> str:
    """Name of the model in the profile."""
    return "mini" if rehearsal else MODELS[SIZE]


def day_profile(work: Path, rehearsal: bool, rl: Mapping[str, Any]) -> Profile:
    """`paper-1gpu` (rehearsal: `smoke`) with one step of everything, the bench's inputs, and these arguments of RL."""
    base, one = load_profile("smoke" if rehearsal else "paper-1gpu").in_arithmetic("native"), case(rehearsal)
    entry = {key: value for key, value in model_entry(one).items() if key not in ("revision", "pixels")}
    entry["hub"] = str(model_of(work, one))
    name = model_name(rehearsal)
    training = {
        section: {**given, **{key: value for key, value in STEP.items() if key in given}}
        for section, given in base.training.items()
    }
    training["rl"] = {**training["rl"], "max_completion_length": TOKENS, "similarity": "mini", **rl}
    default = {**base.default, "methods": ["cot-sft", "grpo"], "benchmarks": [BENCHMARK], "models": [name]}
    return dataclasses.replace(
        base,
        name="gpu-day",
        note="Random weights and images: nothing is learned.",
        generated=False,
        world={},
        models={name: entry},
        data={BENCHMARK: {"source": "sgg", "train": 64, "test": 64, "split": "unused", "seed": 0}},
        released={},
        training=training,
        default={**default, "arms": ["matched"]},
    )


def day_run(work: Path, rehearsal: bool, part: str, rl: Mapping[str, Any]) -> tuple[GridRun, Selection, Cell]:
    """The run of a part in a folder of its own, all rows, and GRPO's cell; makes the inputs that do not exist.

    On a GPU they are made in a process of their own: its memory would count as in use by somebody else.
    """
    one = case(rehearsal)
    if not prepared(work, one):
        run_apart(prepare, work, one, "cpu" if rehearsal else "cuda", apart=not rehearsal)
    root = work / part
    (root / "data").mkdir(parents=True, exist_ok=True)
    made = data_of(work, one)
    pictures = f"{made.name}-pictures"  # a set names them by their place beside it
    for link, target in ((BENCHMARK, made), (pictures, made.with_name(pictures))):
        if not (root / "data" / link).exists():
            (root / "data" / link).symlink_to(target)
    path, profile = root / "profile.yaml", day_profile(work, rehearsal, rl)
    path.write_text(yaml.safe_dump(dataclasses.asdict(profile)))
    run, name = GridRun(load_profile(str(path)), Layout(root), str(path)), model_name(rehearsal)
    if not run.layout.base(name).exists():  # the plan reads its configuration
        run_stage("base", name, run)
    return run, select(run.profile), Cell(BENCHMARK, name, "grpo", 0)
