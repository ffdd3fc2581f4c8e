"""TRL's SFT in our order of examples, with every example written to the training log."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import SFTTrainer

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import prompt_hash
from anatomy_r1.training.training_log import Example, TrainingLog
from baselines.trainers.serve import GroupSampler, TrainingRow


class OrderedSFTTrainer(SFTTrainer):  # type: ignore[misc]
    """SFT whose order of examples depends on the seed only, so that a resumed run needs no sampler state."""

    training_log: TrainingLog | None = None
    _place, _step_of_place = 0, 0
    """Examples of a step logged so far, and which step that is."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: deque[list[tuple[str, str]]] = deque()
        """Batches that are collated and not yet trained on, as (prompt hash, completion): the loader is one ahead."""
        collate = getattr(self, "data_collator")  # noqa: B009  (untyped in TRL)

        def watching(examples: Sequence[TrainingRow]) -> Any:
            turns = [(one["prompt"][-1]["content"], one["completion"][-1]["content"]) for one in examples]
            self._waiting.append([(prompt_hash(prompt), str(completion)) for prompt, completion in turns])
            return collate(examples)

        self.data_collator: Any = watching

    def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:
        """As TRL's; the first process logs the examples of all processes."""
        rows, step = gather_object(self._waiting.popleft()), self.state.global_step + 1
        first = self._place if step == self._step_of_place else 0
        if self.training_log is not None:
            self.training_log.add_examples(Example(step, first + i, *row) for i, row in enumerate(rows))
        self._place, self._step_of_place = first + len(rows), step
        loss: torch.Tensor = super().training_step(*arguments, **named)
        return loss

    def compute_loss(self, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        """As TRL's, of whole examples only: TRL cuts a longer one at its end, where the completion is."""
        limit, found = self.args.max_length, inputs["input_ids"].shape[1]
        if limit is not None and found >= limit:
            fix = "write null, or a larger number"
            raise AnatomyR1Error(f"max_length {limit}: an example is as long or longer, and would be cut. Fix: {fix}")
        return super().compute_loss(model, inputs, *rest, **named)

    def _get_train_sampler(self, train_dataset: Any = None) -> GroupSampler:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return GroupSampler(len(self.train_dataset), chunk=batch, chunks=self.args.max_steps, seed=self.args.seed)
