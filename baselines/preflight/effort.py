"""What a selection takes: samples, tokens, hours, disk, and the memory of each kind of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anatomy_r1.scoring.metrics import K
from baselines.experiment.cell import Cell
from baselines.experiment.plan import Selection, Stage, evaluations, gpus_of, lineage, times_asked
from baselines.experiment.profile import Profile
from baselines.experiment.settings import arguments
from baselines.preflight.memory import BFLOAT16, FLOAT32, PROMPT, ROLLOUT_TOKENS, MemoryEstimate, training_memory
from baselines.preflight.model_shape import ModelShape


@dataclass(frozen=True)
class Effort:
    """Totals over all trainings and evaluations of a selection."""

    trainings: int
    rollouts: int
    """Completions sampled in training; for DAPO, the most that dynamic sampling may draw."""
    rollout_tokens: int
    responses: int
    """Responses in evaluation, the greedy one included."""
    gpu_hours: float


def trainings(profile: Profile, selection: Selection) -> list[Cell]:
    """Every training that the selection needs, parents first."""
    leaves = [leaf for leaf, _ in evaluations(profile, selection)]
    return list({cell.name: cell for leaf in leaves for cell in lineage(leaf) if cell.method.trained}.values())


def rollouts(profile: Profile, cell: Cell) -> int:
    """Completions that a training samples in its own budget; an upper bound for DAPO."""
    if cell.method.kind != "rl":
        return 0
    given = arguments(profile, cell.method, cell.seed, cell.data)
    rows = given["per_device_train_batch_size"] * given.get("gradient_accumulation_steps", 1)
    per_step = rows * profile.launch.processes * (1 + given.get("resample_rounds", 0))
    return int(per_step * given.get("own_steps", given["max_steps"]))


def effort(
    profile: Profile, selection: Selection, stages: Sequence[Stage], test_questions: Mapping[str, int]
) -> Effort:
    """What the selection takes; hours from the profile's `cost` of each stage.

    Args:
        profile: the profile.
        selection: what is to run.
        stages: the selection's stages; finished ones add no hours.
        test_questions: benchmark -> size of its test set.
    """
    every = trainings(profile, selection)
    sampled = sum(rollouts(profile, cell) for cell in every)
    asked = [cell for cell, _ in evaluations(profile, selection) if cell.method.kind != "control"]
    todo = [stage for stage in stages if not stage.output.exists()]
    return Effort(
        trainings=len(every),
        rollouts=sampled,
        rollout_tokens=sampled * ROLLOUT_TOKENS,
        responses=(K + 1) * sum(times_asked(cell) * test_questions.get(cell.benchmark, 0) for cell in asked),
        gpu_hours=sum(stage.seconds * gpus_of(profile, stage.stage) for stage in todo) / 3600,
    )


def disk(profile: Profile, selection: Selection, shapes: Mapping[str, ModelShape]) -> int:
    """Bytes: base models, published policies, and the checkpoints of one training.

    A checkpoint has bfloat16 weights and, for what is trained, a float32 copy and two moments.
    """
    every = trainings(profile, selection)
    policies = sum(BFLOAT16 * shapes[cell.model].parameters * _policies(profile, cell) for cell in every)
    bases = sum(BFLOAT16 * shapes[model].parameters for model in selection.models)
    kept = int(profile.training.get("common", {}).get("save_total_limit", 1)) + 1  # one more while it is written
    largest = max((_checkpoint(shapes[cell.model]) for cell in every), default=0)
    return bases + policies + kept * largest


def _policies(profile: Profile, cell: Cell) -> int:
    """Policies that a training publishes: with a token budget two, whichever arms are evaluated."""
    return 2 if arguments(profile, cell.method, cell.seed, cell.data).get("rollout_tokens") else 1


def _checkpoint(shape: ModelShape) -> int:
    weights = 0 if shape.adapters else BFLOAT16 * shape.parameters
    return weights + 3 * FLOAT32 * shape.trainable


def memory_rows(
    profile: Profile, selection: Selection, shapes: Mapping[str, ModelShape], gpu: float
) -> list[tuple[str, MemoryEstimate]]:
    """Memory of each kind of training; trainings with the same model and the same estimate share a row."""
    rows: dict[tuple[str, MemoryEstimate], list[str]] = {}
    for cell in trainings(profile, selection):
        given = arguments(profile, cell.method, cell.seed, cell.data)
        shape, kind = shapes[cell.model], cell.method.kind
        found = training_memory(shape, profile.launch, given, prompt=PROMPT, gpu=gpu, kind=kind)
        methods = rows.setdefault((cell.model, found), [])
        if cell.method_id not in methods:
            methods.append(cell.method_id)
    return [
        (f"{model} {methods[0]}" + (f" and {len(methods) - 1} more" if methods[1:] else ""), found)
        for (model, found), methods in rows.items()
    ]
