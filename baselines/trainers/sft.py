"""TRL's SFT in our order."""

from __future__ import annotations

from typing import Any

from trl import SFTTrainer

from baselines.sampler import GroupSampler


class OrderedSFTTrainer(SFTTrainer):  # type: ignore[misc]
    """SFT that serves questions in our order and loads them without state."""

    def _get_train_sampler(self, train_dataset: Any = None) -> GroupSampler:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return GroupSampler(len(self.train_dataset), chunk=batch, chunks=self.args.max_steps, seed=self.args.seed)
