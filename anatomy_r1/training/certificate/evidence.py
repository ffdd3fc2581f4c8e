"""Evidence about one training: its log, its recorded batches, and the plan that it was to follow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.curriculum import LevelRule
from anatomy_r1.training.recorded_batches import FOLDER, RecordedBatch, read_batches
from anatomy_r1.training.similarity import Similarity, load_similarity
from anatomy_r1.training.training_log import LOG_NAME, SETTINGS_NAME, read

NO_SET = "needs the training questions: name their prepared set"
NO_SIMILARITY = "no similarities at hand (the run logged none, or their file is not here)"
"""Why a check that needs `training_set` or `similarity` is not checkable."""


@dataclass(frozen=True)
class Evidence:
    """What the checks compare: the log of a training with its stated plan."""

    plan: Mapping[str, Any]
    """`plan` of training.json: method, arguments, data."""
    spent: Mapping[str, Any]
    """`spent` of training.json: steps and tokens of the method's own budget."""
    steps: pd.DataFrame
    rollouts: pd.DataFrame
    served: pd.DataFrame
    """Examples of supervised fine-tuning; empty in logs that predate certificates."""
    batches: tuple[RecordedBatch, ...] = ()
    training_set: PreparedSet | None = None
    """The stated training questions; without them, checks that need them are not checkable."""
    similarity: Similarity | None = None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Trainer arguments."""
        return dict(self.plan["arguments"])

    @property
    def samples(self) -> bool:
        """Whether the method samples completions, as all reinforcement learning does."""
        return "num_generations" in self.arguments

    @property
    def members(self) -> int:
        """G, completions per group."""
        return int(self.arguments["num_generations"])

    @property
    def own_steps(self) -> int:
        """Steps of the method's own budget."""
        return int(self.arguments.get("own_steps") or self.arguments["max_steps"])

    @property
    def level_rule(self) -> LevelRule:
        """The rule by which the curriculum's level rises."""
        count, window, threshold = (self.arguments[f"level_{name}"] for name in ("count", "window", "threshold"))
        return LevelRule(int(count), int(window), float(threshold))

    @property
    def totals(self) -> pd.Series:
        """Total reward of every rollout: the weighted sum over reward functions."""
        rewards = self.rollouts.filter(like="reward_")
        weights = self.arguments.get("reward_weights") or [1.0] * rewards.shape[1]
        return (rewards * weights).sum(axis=1)


def load_evidence(folder: Path, training_set: PreparedSet | None = None) -> Evidence:
    """Read a training's folder, or the one that holds the log that is named.

    Raises:
        AnatomyR1Error: when the folder holds no training, or one of another version.
    """
    folder = folder.parent if folder.is_file() else folder
    log = folder / LOG_NAME
    try:
        record = json.loads((folder / SETTINGS_NAME).read_text(encoding="utf-8"))
        evidence = Evidence(
            plan=record["plan"],
            spent=record["spent"],
            steps=read(log, "steps"),
            rollouts=read(log, "rollouts"),
            served=read(log, "served"),
            batches=tuple(read_batches(folder / FOLDER)),
            training_set=training_set,
        )
        float(evidence.arguments["max_steps"])
        if evidence.arguments.get("curriculum") in ("levels", "pool"):
            evidence.level_rule  # noqa: B018  (raises if the plan does not state it)
        source = evidence.arguments.get("similarity")
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error, pd.errors.DatabaseError) as error:
        fix = f"name the folder of a finished training, with {LOG_NAME} and {SETTINGS_NAME}"
        reason = f"{type(error).__name__}: {error}"
        raise AnatomyR1Error(f"{folder}: no training to certify ({reason}). Fix: {fix}") from error
    return replace(evidence, similarity=load_similarity(source, needed=False))
