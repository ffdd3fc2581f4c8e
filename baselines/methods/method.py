"""A method is a value: what it starts from, which trainer, which knobs. Listing methods imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from anatomy_r1.prompts import Style

Knob = str | int | float | bool | tuple[float, ...] | None


@dataclass(frozen=True)
class Method:
    """One row of Table 1.

    Raises:
        ValueError: when a trained method names no trainer, an untrained one does, or what is not `rl` has rewards.
    """

    id: str
    """Name in paths and on the command line."""
    label: str
    """Name in tables."""
    paper: str
    """Where it comes from."""
    kind: Literal["none", "sft", "rl", "control"]
    """`none` is not trained; `sft` imitates completions; `rl` samples and is rewarded; a `control` has no model."""
    style: Style
    """Prompt style, the same in training and evaluation."""
    trainer: str = ""
    """Dotted name of the trainer class."""
    start: str = "base"
    """`base`, or the id of the method whose checkpoint it starts from."""
    budget: str = ""
    """Section of the profile that holds steps, batch and learning rate; the method's id unless stated."""
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    """Trainer arguments that make the method what it is; they win over the profile's."""
    rewards: tuple[str, ...] = ()
    """Dotted names of reward functions in TRL's signature, after those for accuracy, format and, where the method asks
    for it, length. Weights: the knob `reward_weights`, one for each, in that order; 1 unless stated."""
    file_sha256: str = ""
    """Of the file that defines it, where that is no part of this project (`baselines/methods/registry.py`)."""

    release: str = ""
    """Released file, without its suffix, that it learns from in the arm as released; empty: it is not in that arm."""
    release_knobs: Mapping[str, Knob] = field(default_factory=dict)
    """Trainer arguments of that arm, over its knobs."""

    def __post_init__(self) -> None:
        if self.trained != bool(self.trainer):
            raise ValueError(f"method {self.id}: kind {self.kind!r} does not go with trainer {self.trainer!r}")
        if self.rewards and self.kind != "rl":
            raise ValueError(
                f"method {self.id}: kind {self.kind!r} is not rewarded, so {self.rewards} would not be read"
            )
        object.__setattr__(self, "knobs", MappingProxyType(dict(self.knobs)))
        object.__setattr__(self, "release_knobs", MappingProxyType(dict(self.release_knobs)))
        object.__setattr__(self, "budget", self.budget or self.id)

    @property
    def trained(self) -> bool:
        """Whether there is a checkpoint of it."""
        return self.kind in ("sft", "rl")

    def but(
        self,
        id: str,  # noqa: A002
        label: str,
        *,
        paper: str = "",
        knobs: Mapping[str, Knob] | None = None,
        **changes: Any,
    ) -> Method:
        """This method with a few things changed; `knobs` are merged over the present ones."""
        merged = {**self.knobs, **(knobs or {})}
        return replace(self, id=id, label=label, paper=paper or self.paper, knobs=merged, **changes)
