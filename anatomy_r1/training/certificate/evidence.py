"""What a certificate is computed from: a training's log and recorded batches, and what was stated about it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.recorded_batches import FOLDER, RecordedBatch, read_batches
from anatomy_r1.training.similarity import Similarity, mini_similarity
from anatomy_r1.training.similarity import read as read_similarity
from anatomy_r1.training.training_log import read

LOG, SETTINGS = "training_log.sqlite", "training.json"
"""Files of a training's folder."""
LEVEL_RULE = ("level_count", "level_window", "level_threshold")
"""Arguments of the rule by which the curriculum's level rises."""


@dataclass(frozen=True)
class Evidence:
    """One training as its log has it, beside the plan that it was to follow."""

    plan: Mapping[str, Any]
    """`plan` of training.json: method, arguments, data."""
    spent: Mapping[str, Any]
    """`spent` of training.json: steps and tokens of the own budget."""
    steps: pd.DataFrame
    rollouts: pd.DataFrame
    served: pd.DataFrame
    """Examples of supervised fine-tuning; empty in logs of before certificates."""
    batches: tuple[RecordedBatch, ...] = ()
    training_set: PreparedSet | None = None
    """The questions that it is said to have learned from; None: what hangs on them is not checkable."""
    similarity: Similarity | None = None
    also_right: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Trainer arguments."""
        return dict(self.plan["arguments"])

    @property
    def samples(self) -> bool:
        """Whether the method is one of reinforcement learning."""
        return "num_generations" in self.arguments

    @property
    def members(self) -> int:
        """G, completions a question."""
        return int(self.arguments["num_generations"])

    @property
    def own_steps(self) -> int:
        """Steps of the own budget."""
        return int(self.arguments.get("own_steps") or self.arguments["max_steps"])

    @property
    def totals(self) -> pd.Series:
        """Reward of every rollout: the weighted sum over functions."""
        rewards = self.rollouts.filter(like="reward_")
        weights = self.arguments.get("reward_weights") or [1.0] * rewards.shape[1]
        return (rewards * weights).sum(axis=1)


def load_evidence(folder: Path, training_set: PreparedSet | None = None) -> Evidence:
    """What lies in a training's folder (or beside the log that is named).

    Raises:
        AnatomyR1Error: when the folder holds no training, or one of another version.
    """
    folder = folder.parent if folder.is_file() else folder
    try:
        record = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        frames = {table: read(folder / LOG, table) for table in ("steps", "rollouts", "served")}
        batches = tuple(read_batches(folder / FOLDER))
        plan, spent = _stated(record["plan"]), record["spent"]
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error, pd.errors.DatabaseError) as error:
        fix = f"name the folder of a finished training, with {LOG} and {SETTINGS}"
        raise AnatomyR1Error(f"{folder}: no training to certify ({type(error).__name__}: {error}). Fix: {fix}") from (
            error
        )
    return Evidence(
        plan=plan,
        spent=spent,
        **frames,
        batches=batches,
        training_set=training_set,
        similarity=_similarity(plan["arguments"].get("similarity")),
        also_right=training_set.manifest.get("also_right", {}) if training_set else {},
    )


def _stated(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan, with all that the checks take for given.

    Raises:
        KeyError, TypeError, ValueError: when an argument is missing or no number.
    """
    arguments = plan["arguments"]
    given = ["max_steps", *(LEVEL_RULE if arguments.get("curriculum") in ("levels", "pool") else ())]
    for name in given:
        float(arguments[name])
    return plan


def _similarity(source: str | None) -> Similarity | None:
    if source == "mini":
        return mini_similarity()
    return read_similarity(Path(source)) if source and Path(source).is_file() else None
