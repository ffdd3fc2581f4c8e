"""TRL's GRPO with nothing of ours but the order of questions, so that both serve the same batch."""

from __future__ import annotations

from typing import Any

from trl import GRPOTrainer

from baselines.trainers import LoggedGRPOTrainer
from baselines.trainers.sampler import GroupSampler


class PlainGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """What ours is compared with. It writes no training log."""

    def _get_train_sampler(self, dataset: Any = None) -> GroupSampler:
        return LoggedGRPOTrainer._get_train_sampler(self, dataset)
