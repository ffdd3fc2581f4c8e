"""A profile is a file: models, data, budgets, seeds, launcher. mini and paper differ in nothing else.

Strict YAML: an unknown or missing key is an error that names the file. Every value in a profile carries its source in a
comment, or says that it is our choice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED

PROFILES = Path(__file__).parent.parent / "profiles"


@dataclass(frozen=True)
class Needs:
    """What a machine must have for this profile."""

    gpus: int = 0
    gpu_memory_gb: float = 0.0
    host_memory_gb: float = 4.0
    """Of the machine itself, to each process."""
    cpus: int = 1
    """Processors to each process."""


@dataclass(frozen=True)
class Launch:
    """How the processes of one training are started."""

    processes: int = 1
    """As many as the GPUs that train together."""
    accelerate: str = ""
    """Name of a file in `baselines/runtime/accelerate/`; empty is plain data parallelism."""


@dataclass(frozen=True)
class Profile:
    """One experiment at one scale."""

    name: str
    note: str
    """Plain words for the footer of every table: what these numbers say and what they do not."""
    generated: bool
    """True when data and models come from the mini world."""
    needs: Needs
    launch: Launch
    models: Mapping[str, Mapping[str, Any]]
    """Model id -> where its weights come from (`mini` recipe size, or hub id and revision), and how it is loaded
    (`baselines/stages/policy.py`)."""
    world: Mapping[str, Any]
    """Fields of the mini world's `WorldSpec` that differ from its defaults; empty for real data."""
    data: Mapping[str, Mapping[str, Any]]
    """Benchmark -> options of `anatomy-r1 data prepare`."""
    default: Mapping[str, Any]
    """What runs when nothing is asked for: methods, benchmarks, models, seeds, arms."""
    evaluation: Mapping[str, Any]
    training: Mapping[str, Mapping[str, Any]]
    """Budget section -> trainer arguments; `common` goes below all of them."""
    cost: Mapping[str, float]
    """Rough CPU or GPU seconds a stage, for the estimate of the time left only."""
    released: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Benchmark -> options of its arm as released: `size` and `seed` of the generated twin, none for the real files."""

    def arms(self) -> tuple[str, ...]:
        """Arms that this profile can be run in: that of equal tokens needs their number, as released its files."""
        equal = (EQUAL_TOKENS,) if self.budget("rl").get("rollout_tokens") else ()
        return (MATCHED, *equal, *((AS_RELEASED,) if self.released else ()))

    def budget(self, section: str) -> dict[str, Any]:
        """Trainer arguments of a section over those common to all.

        Raises:
            AnatomyR1Error: when the profile has no such section.
        """
        if section not in self.training:
            raise AnatomyR1Error(f"profile {self.name}: no training section {section!r}; add it to its file")
        return {**self.training.get("common", {}), **self.training[section]}

    def similarity_file(self) -> Path | None:
        """File that S(q) is read from; None where there are no similarities, or the mini world's own."""
        source = self.training.get("rl", {}).get("similarity")
        return Path(source) if source and source != "mini" else None


def load_profile(name: str) -> Profile:
    """The profile of that name, or the file at that path.

    Raises:
        AnatomyR1Error: unknown profile, unknown or missing key.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else PROFILES / f"{name}.yaml"
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in PROFILES.glob("*.yaml")))
        raise AnatomyR1Error(f"no profile {name!r}; there are: {there}, or give the path of a .yaml file")
    raw = yaml.safe_load(path.read_text())
    known = {f.name for f in fields(Profile)}
    wanted = {f.name for f in fields(Profile) if f.default_factory is MISSING}
    found = set(raw) if isinstance(raw, dict) else set()
    if not isinstance(raw, dict) or not wanted <= found <= known:
        raise AnatomyR1Error(f"{path}: missing keys {sorted(wanted - found)}, unknown keys {sorted(found - known)}")
    return Profile(**{**raw, "needs": Needs(**raw["needs"]), "launch": Launch(**raw["launch"])})


def digest(value: Any) -> str:
    """Twelve hex digits that change when any setting of a stage changes."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
