"""What decides what a training yields: pure, so that a plan can be priced and a change be seen without training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anatomy_r1.results.store import AS_RELEASED, MATCHED
from baselines.experiment.cell import Cell
from baselines.experiment.profile import Profile
from baselines.methods.method import Method


def arguments(profile: Profile, method: Method, seed: int, data: str = MATCHED) -> dict[str, Any]:
    """Trainer arguments of a method at one scale: the method's knobs over the profile's budget; none if untrained."""
    if not method.trained:
        return {}
    budget = profile.budget(method.budget)
    own = {**method.release_knobs, **_own_budget_only(budget)} if data == AS_RELEASED else {}
    return {**budget, **method.knobs, **own, "seed": seed}


def _own_budget_only(budget: Mapping[str, Any]) -> dict[str, Any]:
    """As released has no arm of equal tokens: the run ends with its own steps."""
    return {"max_steps": budget["own_steps"], "rollout_tokens": 0} if "own_steps" in budget else {}


def settings(profile: Profile, cell: Cell) -> dict[str, Any]:
    """Everything that decides what training yields; its digest names the work folder."""
    parent = cell.parent()
    method = cell.method
    own = {"rewards": list(method.rewards), "file_sha256": method.file_sha256}
    return {
        "cell": cell.name,
        "method": {
            **{"trainer": method.trainer, "style": method.style, "start": method.start},
            **{name: value for name, value in own.items() if value},  # of most methods neither: old plans stay equal
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
