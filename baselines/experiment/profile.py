"""A profile: the YAML file that sets the scale of an experiment. Models, data, budgets, seeds, hardware, launcher.

`mini` and `paper` run the same code and differ only here. Every value in a committed profile states its source in a
comment, or that it is our choice. An unknown key, a wrong type or a duplicate key is an error that names file, key and
value (`profile_file.py`, `anatomy_r1.validation`). Values are never converted, and defaults are not filled in: a
stage's digest depends on them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anatomy_r1.arithmetic import Mode
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED
from anatomy_r1.validation import read_validated
from baselines.experiment.profile_file import Launch, Needs, ProfileFile, not_portable
from baselines.experiment.training_section import COMMON

PROFILES = Path(__file__).parent.parent / "profiles"


@dataclass(frozen=True)
class Profile:
    """One experiment at one scale. Sections are plain mappings with exactly the keys of the file."""

    name: str
    note: str
    """What these numbers say and what they do not; the footer of every table."""
    generated: bool
    """Whether data and models come from the mini world."""
    needs: Needs
    launch: Launch
    models: Mapping[str, Mapping[str, Any]]
    world: Mapping[str, Any]
    data: Mapping[str, Mapping[str, Any]]
    default: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    training: Mapping[str, Mapping[str, Any]]
    cost: Mapping[str, float]
    released: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    arithmetic: Mode = "native"
    deterministic: bool = False
    """Whether the same run gives the same bits on one machine (docs/determinism.md)."""

    @property
    def numerics(self) -> dict[str, Any]:
        """Portable and deterministic arithmetic, where they are on, for settings that are hashed: old digests stay."""
        portable = {"arithmetic": self.arithmetic} if self.arithmetic == "portable" else {}
        return portable | ({"deterministic": True} if self.deterministic else {})

    def in_arithmetic(self, mode: Mode | None) -> Profile:
        """The profile in that arithmetic; None leaves it as the file says.

        Raises:
            AnatomyR1Error: Portable arithmetic is asked for, and the profile cannot have it.
        """
        if mode == "portable" and (reason := not_portable(self.needs, self.launch, self.evaluation)):
            raise AnatomyR1Error(f"profile {self.name}: {reason}. Fix: leave out --arithmetic portable")
        return replace(self, arithmetic=mode) if mode else self

    def bases(self, model: str) -> tuple[str, ...]:
        """Bases of a model; one without a name where the profile lists none."""
        return tuple(self.models[model].get("bases") or ("",))

    def source(self, model: str, base: str) -> dict[str, Any]:
        """What one base of a model depends on: the model's section, with its own name in place of all."""
        section = {key: value for key, value in self.models[model].items() if key != "bases"}
        return {**section, "base": base} if base else section

    def arms(self) -> tuple[str, ...]:
        """Arms that this profile supports: equal tokens needs a token budget, as released needs the released files."""
        equal = (EQUAL_TOKENS,) if self.budget("rl").get("rollout_tokens") else ()
        return (MATCHED, *equal, *((AS_RELEASED,) if self.released else ()))

    def budget(self, section: str) -> dict[str, Any]:
        """Trainer arguments of a section, over those common to all."""
        if section not in self.training:
            raise AnatomyR1Error(f"profile {self.name}: no training section {section!r}; add it to its file")
        return {**self.training.get(COMMON, {}), **self.training[section]}

    def similarity_file(self) -> Path | None:
        """File of the similarities S(q); None when there are none, or they come from the mini world."""
        source = self.training.get("rl", {}).get("similarity")
        return Path(source) if source and source != "mini" else None


def profile_path(name: str) -> Path:
    """The file of a profile: that of this name, or the file itself, whether or not it is there."""
    return Path(name) if name.endswith((".yaml", ".yml")) else PROFILES / f"{name}.yaml"


def load_profile(name: str) -> Profile:
    """The profile of that name, or the file at that path; in an invalid one, the error names key and value."""
    path = profile_path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES.glob("*.yaml")))
        raise AnatomyR1Error(f"no profile {name!r}; there are: {known}, or give the path of a .yaml file")
    fix = "correct the file; baselines/profiles/ has complete examples"
    found = read_validated(path, ProfileFile, what="profile", fix=fix)
    return Profile(**{**found.model_dump(exclude_unset=True), "needs": found.needs, "launch": found.launch})


def digest(value: Any) -> str:
    """Twelve hex digits that change when any setting of a stage changes."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
