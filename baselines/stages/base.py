"""A base model in the folder of a run: trained on the spot, a committed one (given a dose or not), or from the Hub."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini import bases
from baselines.experiment.profile import Profile, digest


def make_base(profile: Profile, model: str, base: str, out: Path) -> None:
    """Put one base of a model at `out`, in place of what is there."""
    source = profile.models[model]
    if "hub" in source:
        from baselines.stages.policy import fetch

        fetch(source, out)
    elif base and source.get("recipe") != "toy":
        write_committed(base, source["mini"], out)
        if dose := source.get("dose"):
            give_dose(base, dose, out)
    else:
        from anatomy_r1.mini.base import build_base

        shutil.rmtree(out, ignore_errors=True)
        build_base(out, source["mini"], recipe=_recipe(profile, model, base))


def _recipe(profile: Profile, model: str, base: str) -> Any:
    """The toy recipe where the profile says so, with the seed of the base; else the first."""
    from anatomy_r1.mini.recipe import FIRST, toy

    if profile.models[model].get("recipe") != "toy":
        return FIRST
    return replace(toy(), seed=1 + profile.bases(model).index(base)) if base else toy()


def write_committed(base: str, size: str, out: Path) -> None:
    """Write a committed base, whole or not at all.

    Raises:
        AnatomyR1Error: It is not there, is of another size, or its weights are not those that its facts state.
    """
    if (known := bases.facts(base)).size != size:
        raise AnatomyR1Error(f"{base} is a base of {known.size}, not of {size}. Fix: correct `bases` in the profile")
    bases.write(base, out)


def give_dose(base: str, dose: Mapping[str, float], folder: Path) -> None:
    """Give the committed base in `folder` a habit turn with a dose, in place."""
    from anatomy_r1.mini.dose import Dose, give

    given = folder.with_name(folder.name + ".dosed")
    give(folder, given, Dose(**dose), bases.recipe(base))
    shutil.rmtree(folder)
    given.rename(folder)


def base_digest(profile: Profile, model: str, base: str) -> str:
    """Changes with anything that can change a base: the weights where they are committed, else what trains them."""
    source = profile.source(model, base)
    if not profile.generated:
        return digest(source)
    from anatomy_r1.mini.base import recipe_hash

    if base and source.get("recipe") != "toy":
        turn = [recipe_hash(source["mini"])] if source.get("dose") else []
        return digest([bases.facts(base).sha256, source, *turn])
    seed = [profile.bases(model).index(base)] if base else []
    return digest([recipe_hash(source["mini"]), source, *seed])
