"""A method as a value: its starting point, trainer and knobs. Listing methods imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from anatomy_r1.prompts import Style
from anatomy_r1.training.method_names import TITLES

Knob = str | int | float | bool | tuple[float, ...] | list[Any] | dict[str, Any] | None


@dataclass(frozen=True)
class Method:
    """One method: a row of a results table.

    Raises:
        ValueError: when it has no label, is trained but names no trainer (or the reverse), or has rewards but is not
            trained by reinforcement learning.
    """

    id: str
    """Name in paths and on the command line."""
    label: str
    """Name in tables: of this project's methods that of `anatomy_r1.training.method_names`."""
    paper: str
    kind: Literal["none", "sft", "rl", "control"]
    """`none` is not trained; `sft` imitates completions; `rl` samples completions and rewards them; a `control` has no
    model."""
    style: Style
    """Prompt style, the same in training and evaluation."""
    trainer: str = ""
    """Dotted name of the trainer class."""
    start: str = "base"
    """`base`, or the id of the method from whose checkpoint training starts."""
    budget: str = ""
    """Section of the profile that holds steps, batch size and learning rate; by default the method's id."""
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    """Trainer arguments that define the method; they override the profile's."""
    rewards: tuple[str, ...] = ()
    """Dotted names of reward functions in TRL's signature. They follow accuracy, format and, where the method asks for
    it, length. The knob `reward_weights` has one weight for each, in that order; by default all are 1."""
    file_sha256: str = ""
    """Hash of the user's file that defines it; empty for this project's methods (`baselines/methods/registry.py`)."""
    release: str = ""
    """Released file, without suffix, that it trains on in the arm as released; empty: it is not in that arm."""
    release_knobs: Mapping[str, Knob] = field(default_factory=dict)
    """Trainer arguments in that arm, over `knobs`."""

    seed_shift: int = 0
    """Added to the seed of a cell: the same method under other seeds."""
    budget_times: int = 1
    """The method's own steps, in multiples of the budget's."""

    def __post_init__(self) -> None:
        if not self.label:
            raise ValueError(f"method {self.id}: has no label")
        if self.trained != bool(self.trainer):
            raise ValueError(f"method {self.id}: kind {self.kind!r} does not go with trainer {self.trainer!r}")
        if self.rewards and self.kind != "rl":
            raise ValueError(f"method {self.id}: kind {self.kind!r} uses no rewards, but {self.rewards} are given")
        if self.budget_times < 1:
            raise ValueError(f"method {self.id}: budget_times {self.budget_times} should be 1 or more")
        object.__setattr__(self, "knobs", MappingProxyType(dict(self.knobs)))
        object.__setattr__(self, "release_knobs", MappingProxyType(dict(self.release_knobs)))
        object.__setattr__(self, "budget", self.budget or self.id)

    @property
    def trained(self) -> bool:
        """Whether training produces a checkpoint."""
        return self.kind in ("sft", "rl")

    def but(
        self,
        id: str,  # noqa: A002
        label: str = "",
        *,
        paper: str = "",
        knobs: Mapping[str, Knob] | None = None,
        **changes: Any,
    ) -> Method:
        """A variant of this method: `knobs` are merged over its own, `changes` replace other fields.

        `label` may be left out for an id of `anatomy_r1.training.method_names`.
        """
        label, paper, knobs = label or TITLES.get(id, ""), paper or self.paper, {**self.knobs, **(knobs or {})}
        return replace(self, id=id, label=label, paper=paper, knobs=knobs, **changes)
