"""Samples, tokens, hours and disk of a selection, and where each number is from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselines.cell import Cell
from baselines.estimate.shape import Shape
from baselines.plan import Selection, Stage, cells, lineage
from baselines.profile import Profile
from baselines.train import arguments

ROLLOUT_TOKENS = 190
"""Of a completion, where the profile states no budget of tokens (a guess of ours until a first run)."""


@dataclass(frozen=True)
class Effort:
    """Of all trainings and evaluations of a selection."""

    trainings: int
    rollouts: int
    """Completions sampled in training, further draws of DAPO at their most."""
    rollout_tokens: int
    responses: int
    """Sampled in evaluation, the greedy one included."""
    gpu_hours: float
    source: str
    """Where the hours are from."""


def trainings(selection: Selection) -> list[Cell]:
    """Every training that the selection needs, once, parents first."""
    every = {cell.name: cell for leaf in cells(selection) for cell in lineage(leaf) if cell.method.trained}
    return list(every.values())


def rollouts(profile: Profile, cell: Cell) -> int:
    """Completions that a training samples in its own budget; of DAPO at most."""
    if cell.method.kind != "rl":
        return 0
    given = arguments(profile, cell.method, cell.seed, cell.data)
    step = _completions_a_step(profile, given)
    return int(step * given.get("own_steps", given["max_steps"]) * (1 + given.get("resample_rounds", 0)))


def _completions_a_step(profile: Profile, given: Mapping[str, Any]) -> int:
    rows = given["per_device_train_batch_size"] * given.get("gradient_accumulation_steps", 1)
    return int(rows * profile.launch.processes)


def effort(
    profile: Profile, selection: Selection, stages: Sequence[Stage], test_questions: Mapping[str, int]
) -> Effort:
    """What the selection takes; hours by the profile's own cost of each stage.

    Args:
        profile: the profile.
        selection: what is to run.
        stages: of the selection; those that are done count no more hours.
        test_questions: benchmark -> size of its test set.
    """
    every = trainings(selection)
    sampled = sum(rollouts(profile, cell) for cell in every)
    answers = profile.evaluation.get("repeats", 5) + 1
    asked = [cell for cell in cells(selection) if cell.method.kind != "control"]
    gpus = {"train": profile.launch.processes, "evaluate": 1}
    todo = [stage for stage in stages if not stage.output.exists()]
    hours = sum(stage.seconds * gpus.get(stage.stage, 0) for stage in todo) / 3600
    return Effort(
        trainings=len(every),
        rollouts=sampled,
        rollout_tokens=sampled * ROLLOUT_TOKENS,
        responses=sum(answers * test_questions.get(cell.benchmark, 0) for cell in asked),
        gpu_hours=hours,
        source=f"`cost` in profile {profile.name}, which says where its numbers are from",
    )


def disk(profile: Profile, selection: Selection, shapes: Mapping[str, Shape]) -> int:
    """Bytes: base models, published policies in every arm, and the checkpoints of as many trainings as run at once.

    A checkpoint has weights in two bytes and, for what is trained, a float32 copy and two moments.
    """
    every = trainings(selection)
    arms = max(1, len(selection.arms))
    policies = sum(2 * shapes[cell.model].parameters * (arms if cell.method.kind == "rl" else 1) for cell in every)
    bases = sum(2 * shapes[model].parameters for model in selection.models)
    kept = int(profile.training.get("common", {}).get("save_total_limit", 1)) + 1  # one more while it is written
    largest = max((_checkpoint(shapes[cell.model]) for cell in every), default=0)
    return bases + policies + kept * largest


def _checkpoint(shape: Shape) -> int:
    weights = 0 if shape.adapters else 2 * shape.parameters
    return weights + 12 * shape.trainable
