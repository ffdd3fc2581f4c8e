"""TRL's SFT in our order, with what was learned from in the training log."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import SFTTrainer

from anatomy_r1.prompts import prompt_hash
from anatomy_r1.training.training_log import Example, TrainingLog
from baselines.trainers.sampler import GroupSampler

Served = tuple[str, str]
"""Hash of the prompt, and completion."""


class OrderedSFTTrainer(SFTTrainer):  # type: ignore[misc]
    """SFT that serves questions in our order and loads them without state."""

    training_log: TrainingLog | None = None
    _place, _step_of_place = 0, 0
    """Examples logged of a step so far, and which step that is."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: deque[list[Served]] = deque()
        """Batches that the loader has made up and training has not reached: it is one ahead."""
        self.data_collator: Any = self._watched(getattr(self, "data_collator"))  # noqa: B009  (untyped in TRL)

    def _watched(self, collate: Any) -> Any:
        def watching(examples: Sequence[dict[str, Any]]) -> Any:
            self._waiting.append([_served(example) for example in examples])
            return collate(examples)

        return watching

    def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:
        """As TRL's; what all processes learn from goes into the log of the first."""
        rows, step = gather_object(self._waiting.popleft()), self.state.global_step + 1
        first = self._place if step == self._step_of_place else 0
        if self.training_log is not None:
            self.training_log.add_examples(Example(step, first + i, *row) for i, row in enumerate(rows))
        self._place, self._step_of_place = first + len(rows), step
        loss: torch.Tensor = super().training_step(*arguments, **named)
        return loss

    def _get_train_sampler(self, train_dataset: Any = None) -> GroupSampler:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return GroupSampler(len(self.train_dataset), chunk=batch, chunks=self.args.max_steps, seed=self.args.seed)


def _served(example: dict[str, Any]) -> Served:
    prompt, completion = example["prompt"][-1]["content"], example["completion"][-1]["content"]
    return prompt_hash(prompt), str(completion)
