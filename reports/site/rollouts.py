"""Data of the rollout viewer: numbers for every step, and whole groups where the log kept their texts.

The paper's Fig. 2 shows a few selected groups; this has every group of every tenth step, as served and rewarded.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.training.curves import distinct, entropy_bits
from anatomy_r1.training.training_log import read
from reports.site.pictures import Pictures
from reports.site.run import Benchmark

SERIES = ("step", "reward", "distinct", "entropy", "idle", "seconds", "tokens")
"""Numbers of a step: mean reward; distinct choices per group; entropy of a group's choices in bits; share of groups
with constant reward, which give no gradient; wall-clock seconds; completion tokens so far."""
_REWARD = "reward_"
LogRow = dict[Hashable, Any]
"""A row of the training log."""


def training(path: Path, benchmark: Benchmark | None, pictures: Pictures) -> dict[str, Any] | None:
    """The data of one training run; None where it sampled nothing, as in supervised fine-tuning.

    Raises:
        ValueError: when the log is of another schema.
    """
    rollouts = read(path, "rollouts")
    if rollouts.empty:
        return None
    names = [name for name in rollouts.columns if name.startswith(_REWARD)]
    rollouts["reward"] = rollouts[names].fillna(0).sum(axis=1)
    kept = rollouts[rollouts["prompt"].notna()]
    return {
        "series": _series(read(path, "steps"), rollouts),
        "rewards": [name.removeprefix(_REWARD) for name in names],
        "groups": [_group(group, names, benchmark, pictures) for group in _groups(kept)],
    }


def _series(steps: pd.DataFrame, rollouts: pd.DataFrame) -> list[list[float | None]]:
    groups = rollouts.assign(choice=rollouts["choice"].fillna("")).groupby(["step", "group_index"])
    choices = groups["choice"].agg(list)
    by_group = pd.DataFrame(
        {
            "distinct": choices.map(distinct),
            "entropy": choices.map(entropy_bits),
            "idle": groups["reward"].max() == groups["reward"].min(),
        }
    )
    means = by_group.astype(float).groupby(level=0).mean()
    means["reward"] = rollouts.groupby("step")["reward"].mean()
    means["seconds"] = steps.set_index("step")["seconds"]
    means["tokens"] = steps.set_index("step")["rollout_tokens"]
    means["step"] = means.index
    return [[_number(value) for value in row] for row in means[list(SERIES)].itertuples(index=False)]


def _groups(kept: pd.DataFrame) -> list[list[LogRow]]:
    """Rows of each group, in order, as plain values: reading a frame row by row would be slow."""
    rows = [dict(row) for row in kept.sort_values(["step", "group_index"], kind="stable").to_dict("records")]
    return [list(group) for _, group in groupby(rows, key=lambda row: (row["step"], row["group_index"]))]


def _group(group: list[LogRow], names: list[str], benchmark: Benchmark | None, pictures: Pictures) -> dict[str, Any]:
    first = group[0]
    question = benchmark.train.get(first["question_id"]) if benchmark else None
    prompts = list(dict.fromkeys(row["prompt"] for row in group))
    return {
        "step": int(first["step"]),
        "group": int(first["group_index"]),
        "question": first["question_id"],
        "anatomy": first["anatomy"],
        "gold": question.answer if question else "",
        "picture": pictures.name(benchmark, question.image) if benchmark and question else "",
        "pictures": len({row["image_hash"] for row in group}),
        "similarity": _number(first["similarity"]),
        "level": _number(first["level"]),
        "draw": int(first["draw"]),
        "kept": bool(first["kept"]),
        "prompts": prompts,
        "members": [_member(row, prompts, names) for row in group],
    }


def _member(row: Mapping[Hashable, Any], prompts: list[str], names: list[str]) -> list[Any]:
    rewards = [_number(row[name]) for name in names]
    choice = row["choice"] if isinstance(row["choice"], str) else ""
    cut = row["finish_reason"] == "length"
    advantage = _number(row["advantage"])
    return [prompts.index(row["prompt"]), row["completion"] or "", choice, rewards, advantage, int(row["tokens"]), cut]


def _number(value: Any) -> float | None:
    """A number with six significant digits; None for a missing value."""
    if value is None or pd.isna(value):
        return None
    number = float(f"{float(value):.6g}")
    return int(number) if number.is_integer() else number
