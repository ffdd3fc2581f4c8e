"""A few whole groups of a training, chosen by a rule and not by eye, for a reader to look at (the paper's Fig. 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from anatomy_r1.training.training_log import ACCURACY

LONGEST = 2000
"""Characters kept of a prompt or completion (ours)."""
CUT = " [... cut]"
"""At the end of a text that was longer."""


@dataclass(frozen=True)
class SampleGroup:
    """One group as it was served and answered. Texts are a model's: escape them wherever they are shown."""

    step: int
    group: int
    anatomy: str
    question_id: str
    prompt: str
    """The first member's, which an augmentation leaves as it was."""
    completions: tuple[str, ...]
    choices: tuple[str | None, ...]
    right: tuple[bool, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SampleGroup:
        """Back from JSON, where tuples are lists."""
        back: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**back)


def sample_groups(rollouts: pd.DataFrame) -> tuple[SampleGroup, ...]:
    """At the first, the middle and the last step with texts: the first group all wrong, else the first group.

    The paper's figure shows groups that are all wrong; where there is none, the rule takes what there is.
    """
    whole = rollouts[rollouts["completion"].notna() & (rollouts["draw"] == 0)]
    steps = sorted(set(whole["step"]))
    chosen = sorted({steps[0], steps[len(steps) // 2], steps[-1]}) if steps else []
    return tuple(_shown(next(_wrong_first(whole[whole["step"] == step]))) for step in chosen)


def _wrong_first(step: pd.DataFrame) -> Iterator[pd.DataFrame]:
    groups = [part for _, part in step.groupby("group_index", sort=True)]
    yield from (part for part in groups if part[ACCURACY].max() <= 0)
    yield from groups


def _shown(part: pd.DataFrame) -> SampleGroup:
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
