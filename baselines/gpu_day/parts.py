"""The parts of a day, in order of worth, and the file that holds the outcome of each.

A part is a command of its own, so that what it occupied on the GPU is free again and a limit can end it. Its outcome is
read from what the command wrote; a part that has ended is not run again by a later call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from baselines.bench.cases import MORE, ONCE, OURS, PLAIN, write_json

DONE, LEFT, FAILED, UNKNOWN = "done", "left", "failed", "not possible here"
"""How a part stands: it ended; it has more to do; something in it is wrong; this machine lacks what it needs."""
ENDED = (DONE, FAILED)
"""A later call does not run these again; what a machine lacked, it looks for again."""
FIRST = ("doctor", "steps", "shared")
"""Parts that a quarter of an hour should see (our estimate: no GPU has shown it)."""
SHORTEST = 45.0
"""Seconds below which no part is begun (ours): a process needs most of them to load a model."""


@dataclass(frozen=True)
class Part:
    """One part: its name, and what it shows."""

    name: str
    shows: str


PARTS = (
    Part("doctor", "the machine, and a step of each kind of training on a model of the real shape"),
    Part("steps", "seconds and memory of a step of every method"),
    Part("shared", "the same with a group's prompt and image computed once"),
    Part("vllm", "vLLM's log-probabilities of its rollouts beside the trainer's"),
    Part("plan", "the plan's memory and costs beside what was measured"),
    Part("midi", "profile midi: training and evaluation at ten to twenty times the mini profile's size"),
)
CASES = {"steps": (PLAIN.id, *OURS, *MORE), "shared": tuple(f"{one}{ONCE}" for one in OURS)}
"""Part -> methods of `gpu-bench` that it measures."""


@dataclass(frozen=True)
class Outcome:
    """How a part stands after a call."""

    name: str
    status: str
    lines: tuple[str, ...] = ()
    """For the report: what was found, and what to do where something is wrong."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    """Over all calls."""
    methods: tuple[str, ...] = ()
    """Methods that it was asked for, where it takes some; empty: all."""

    def ended(self, methods: Sequence[str]) -> bool:
        """Whether nothing is left of what is asked for now (`methods`; empty: all)."""
        asked_before = not self.methods or (bool(methods) and set(methods) <= set(self.methods))
        return self.status in ENDED and asked_before


def outcome_path(out: Path, name: str) -> Path:
    """The part's file."""
    return out / "parts" / f"{name}.json"


def read_outcome(out: Path, name: str) -> Outcome:
    """How the part stands; one that never ran is left.

    Raises:
        AnatomyR1Error: The file is none of ours.
    """
    path = outcome_path(out, name)
    if not path.is_file():
        return Outcome(name, LEFT)
    try:
        value = json.loads(path.read_text())
        return Outcome(**{**value, "lines": tuple(value["lines"]), "methods": tuple(value.get("methods", ()))})
    except (KeyError, TypeError, ValueError) as error:
        raise AnatomyR1Error(f"{path}: no outcome of a part ({error}). Fix: move it away and run again") from error


def write_outcome(out: Path, outcome: Outcome) -> None:
    """Write atomically."""
    write_json(outcome_path(out, outcome.name), asdict(outcome))


def chosen(names: Sequence[str]) -> list[Part]:
    """The parts of these names, in order of worth; all if none is named."""
    known = [part.name for part in PARTS]
    if unknown := [name for name in names if name not in known]:
        raise AnatomyR1Error(f"part {unknown[0]!r}: there is none. Fix: one of {', '.join(known)}")
    return [part for part in PARTS if not names or part.name in names]
