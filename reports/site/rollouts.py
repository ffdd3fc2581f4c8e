"""A training as its page shows it: numbers for every step, whole groups of some, and the steps that are scored."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.bases import RunKey
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import EQUAL_TOKENS, MATCHED, Result
from anatomy_r1.training.curves import distinct, entropy_bits
from anatomy_r1.training.training_log import read
from reports.site.run import Benchmark, Pictures

SERIES = ("step", "reward", "distinct", "entropy", "idle", "seconds", "tokens", "discarded")
"""Numbers of a step: mean reward; distinct choices per group; entropy of a group's choices in bits; share of groups
with constant reward, which give no gradient; wall-clock seconds; completion tokens so far; groups that were drawn and
discarded (DAPO). All but the last count discarded groups as well."""
_REWARD = "reward_"


def scored_steps(
    results: Iterable[Result], benchmark: str, model: str, method: str, run: RunKey
) -> list[tuple[str, int]]:
    """Arm and step of the weights that this training's results are of, as far as they were recorded.

    One training serves both arms: weights are kept after the method's own steps, and it goes on until it has sampled
    as many tokens as every method does. So its rollouts may go beyond the step that is scored.
    """
    own = [one for one in results if (one.benchmark, one.model, one.method, one.run) == (benchmark, model, method, run)]
    steps = {one.arm: stated(one.provenance, "training", "spent", "steps") for one in own}
    return [(arm, int(steps[arm])) for arm in (MATCHED, EQUAL_TOKENS) if isinstance(steps.get(arm), int | float)]


def rollouts_of(path: Path, benchmark: Benchmark | None, pictures: Pictures) -> dict[str, Any] | None:
    """Numbers for every step of a training run, and whole groups where the log kept their texts.

    None where it sampled nothing, as in supervised fine-tuning. The paper's Fig. 2 shows a few selected groups; this
    has every group of every tenth step, as served and rewarded.
    """
    rollouts = read(path, "rollouts")
    if rollouts.empty:
        return None
    names = [name for name in rollouts.columns if name.startswith(_REWARD)]
    rollouts["reward"] = rollouts[names].fillna(0).sum(axis=1)
    # As plain values: reading a frame row by row would be slow.
    kept = rollouts[rollouts["prompt"].notna()].sort_values(["step", "group_index"], kind="stable").to_dict("records")
    groups = groupby(kept, key=lambda row: (row["step"], row["group_index"]))
    return {
        "series": _series(read(path, "steps"), rollouts),
        "rewards": [name.removeprefix(_REWARD) for name in names],
        "groups": [_group(list(group), names, benchmark, pictures) for _, group in groups],
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
    discarded = rollouts[~rollouts["kept"].astype(bool)].groupby("step")["group_index"].nunique()
    means["discarded"] = discarded.reindex(means.index, fill_value=0)
    means["seconds"] = steps.set_index("step")["seconds"]
    means["tokens"] = steps.set_index("step")["rollout_tokens"]
    means["step"] = means.index
    return [[_number(value) for value in row] for row in means[list(SERIES)].itertuples(index=False)]


def _group(
    group: list[dict[Hashable, Any]], names: list[str], benchmark: Benchmark | None, pictures: Pictures
) -> dict[str, Any]:
    first = group[0]
    question = benchmark.train.get(first["question_id"]) if benchmark else None
    prompts = list(dict.fromkeys(row["prompt"] for row in group))
    return {
        "step": int(first["step"]),
        "group": int(first["group_index"]),
        "question": first["question_id"],
        "anatomy": first["anatomy"],
        "gold": question.answer if question else "",
        "picture": (picture := pictures.name(benchmark, question.image) if benchmark and question else ""),
        "size": pictures.size(picture),
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
