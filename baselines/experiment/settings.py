"""The settings of a training: everything that its result depends on, computed without training."""

from __future__ import annotations

from typing import Any

from anatomy_r1.results.store import AS_RELEASED, MATCHED
from baselines.experiment.cell import Cell
from baselines.experiment.profile import Profile
from baselines.methods.method import Method


def arguments(profile: Profile, method: Method, seed: int, data: str = MATCHED) -> dict[str, Any]:
    """Trainer arguments of a method: its knobs over the profile's budget; empty for an untrained method."""
    if not method.trained:
        return {}
    budget = profile.budget(method.budget)
    own: dict[str, Any] = {}
    if data == AS_RELEASED:
        own = dict(method.release_knobs)
        if "own_steps" in budget:  # no arm of equal tokens: the run ends with its own steps
            own |= {"max_steps": budget["own_steps"], "rollout_tokens": 0}
    return {**budget, **method.knobs, **own, "seed": seed}


def settings(profile: Profile, cell: Cell) -> dict[str, Any]:
    """Everything that the trained weights depend on; its digest names the work folder."""
    parent, method = cell.parent(), cell.method
    own = {"rewards": list(method.rewards), "file_sha256": method.file_sha256}
    return {
        "cell": cell.name,
        "method": {
            **{"trainer": method.trainer, "style": method.style, "start": method.start},
            **{name: value for name, value in own.items() if value},  # most methods have neither: old plans stay equal
        },
        "arguments": arguments(profile, method, cell.seed, cell.data),
        "data": _data_of(profile, cell),
        "model": dict(profile.models[cell.model]),
        "parent": settings(profile, parent) if parent else None,
    }


def _data_of(profile: Profile, cell: Cell) -> dict[str, Any]:
    if cell.data == AS_RELEASED:
        return {"arm": AS_RELEASED, "file": cell.method.release, **profile.released[cell.benchmark]}
    return dict(profile.data[cell.benchmark])
