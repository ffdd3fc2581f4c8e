"""A base model in the folder of a run: trained on the spot, copied from the committed ones, or fetched from the Hub."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder
from anatomy_r1.provenance import ROOT
from baselines.experiment.profile import Profile, digest

COMMITTED = ROOT / "anatomy_r1" / "mini" / "bases"
"""Folder of the committed bases, each a checkpoint below its name."""
WEIGHTS = "model.safetensors"


def make_base(profile: Profile, model: str, base: str, out: Path) -> None:
    """Put one base of a model at `out`, in place of what is there."""
    source = profile.models[model]
    if "hub" in source:
        from baselines.stages.policy import fetch

        fetch(source, out)
    elif base and source.get("recipe") != "toy":
        copy_committed(base, out)
    else:
        from anatomy_r1.mini.base import build_base

        shutil.rmtree(out, ignore_errors=True)
        build_base(out, source["mini"], recipe=_recipe(profile, model, base))


def _recipe(profile: Profile, model: str, base: str) -> Any:
    """The toy recipe where the profile says so, with the seed of the base; None for the size's own."""
    from anatomy_r1.mini.recipe import toy

    if profile.models[model].get("recipe") != "toy":
        return None
    return replace(toy(), seed=1 + profile.bases(model).index(base)) if base else toy()


def copy_committed(base: str, out: Path) -> None:
    """Copy a committed base, whole or not at all."""
    source = committed_base(base)
    shutil.rmtree(out, ignore_errors=True)
    with atomic_folder(out) as ready:
        shutil.copytree(source, ready, dirs_exist_ok=True)


def committed_base(base: str) -> Path:
    """Folder of a committed base.

    Raises:
        AnatomyR1Error: It is not there, or has no weights.
    """
    folder = COMMITTED / base
    if not (folder / WEIGHTS).is_file() or not (folder / "config.json").is_file():
        known = ", ".join(sorted(path.name for path in COMMITTED.glob("*") if (path / WEIGHTS).is_file())) or "none"
        fix = "correct `bases` in the profile, or make it: tox -e rebuild-bases"
        raise AnatomyR1Error(f"{folder}: no committed base of this name (there are: {known}). Fix: {fix}")
    return folder


def base_digest(profile: Profile, model: str, base: str) -> str:
    """Changes with anything that can change a base: the weights where they are committed, else what trains them."""
    source = profile.source(model, base)
    if not profile.generated:
        return digest(source)
    if base and source.get("recipe") != "toy":
        return digest([hashlib.sha256((committed_base(base) / WEIGHTS).read_bytes()).hexdigest(), source])
    from anatomy_r1.mini.base import recipe_hash

    seed = [profile.bases(model).index(base)] if base else []
    return digest([recipe_hash(source["mini"]), source, *seed])
