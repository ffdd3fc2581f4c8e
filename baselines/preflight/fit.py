"""Memory of each kind of training of a selection, to hold against a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baselines.experiment.cell import Cell
from baselines.experiment.plan import Selection
from baselines.experiment.profile import Profile
from baselines.experiment.settings import arguments
from baselines.preflight.effort import trainings
from baselines.preflight.memory import PROMPT, Memory, training_memory
from baselines.preflight.model_shape import Shape


def memory_rows(
    profile: Profile, selection: Selection, shapes: Mapping[str, Shape], gpu: float
) -> list[tuple[str, Memory]]:
    """Memory of each kind of training: those that differ in nothing that memory depends on stand together."""
    rows: dict[tuple[str, Memory], list[str]] = {}
    for cell in trainings(profile, selection):
        found = _memory(profile, cell, shapes[cell.model], gpu)
        methods = rows.setdefault((cell.model, found), [])
        if cell.method_id not in methods:
            methods.append(cell.method_id)
    return [(f"{model} {_together(methods)}", found) for (model, found), methods in rows.items()]


def _memory(profile: Profile, cell: Cell, shape: Shape, gpu: float) -> Memory:
    given = arguments(profile, cell.method, cell.seed, cell.data)
    return training_memory(shape, profile.launch, given, prompt=PROMPT, gpu=gpu, kind=cell.method.kind)


def _together(methods: Sequence[str]) -> str:
    return methods[0] if len(methods) == 1 else f"{methods[0]} and {len(methods) - 1} more"
