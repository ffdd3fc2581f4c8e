"""A few groups of a training to read in full, chosen by rule and not by eye (the paper's Fig. 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from anatomy_r1.training.training_log import ACCURACY

LONGEST = 2000
"""Characters kept of a prompt or completion (our choice)."""
CUT = " [... cut]"
"""Ends a text that was cut."""


@dataclass(frozen=True)
class SampleGroup:
    """One group with its completions. The texts come from a model: escape them wherever they are shown."""

    step: int
    group: int
    anatomy: str
    question_id: str
    prompt: str
    """The first member's, which GDQA does not augment."""
    completions: tuple[str, ...]
    choices: tuple[str | None, ...]
    right: tuple[bool, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SampleGroup:
        """From JSON, where tuples are lists."""
        back: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**back)


def sample_groups(rollouts: pd.DataFrame) -> tuple[SampleGroup, ...]:
    """Of the first, middle and last step with texts: the first group that is all wrong, else the first group.

    The paper's figure shows groups that are all wrong.
    """
    whole = rollouts[rollouts["completion"].notna() & (rollouts["draw"] == 0)]
    steps = sorted(set(whole["step"]))
    chosen = sorted({steps[0], steps[len(steps) // 2], steps[-1]}) if steps else []
    return tuple(_sample(whole[whole["step"] == step]) for step in chosen)


def _sample(rollouts: pd.DataFrame) -> SampleGroup:
    groups = [part for _, part in rollouts.groupby("group_index", sort=True)]
    part = next((group for group in groups if group[ACCURACY].max() <= 0), groups[0])
    first = part.iloc[0]
    return SampleGroup(
        step=int(first["step"]),
        group=int(first["group_index"]),
        anatomy=str(first["anatomy"]),
        question_id=str(first["question_id"]),
        prompt=_cut(first["prompt"]),
        completions=tuple(map(_cut, part["completion"])),
        choices=tuple(None if pd.isna(choice) else str(choice) for choice in part["choice"]),
        right=tuple(bool(value > 0) for value in part[ACCURACY]),
    )


def _cut(text: object) -> str:
    whole = str(text)
    return whole if len(whole) <= LONGEST else whole[:LONGEST] + CUT
