"""Keeps what the loss of some steps was computed from, for certificates; training does not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from anatomy_r1.training.recorded_batches import RecordedBatch, write_batch
from anatomy_r1.training.training_log import keep_text


class Recorder:
    """Writes the first batch of every step of which the training log keeps texts.

    Args:
        folder: where the batches go; a step that is trained again after a resume overwrites its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.last = folder, 0

    def record(self, trainer: Any, inputs: dict[str, Any], policy: torch.Tensor, loss: torch.Tensor) -> None:
        """Note the batch of the step that is being computed; `policy` are the log-probabilities (B, T) of its loss."""
        step = trainer.state.global_step + 1
        if step == self.last or not keep_text(step) or not trainer.accelerator.is_main_process:
            return
        self.last = step
        old, reference = inputs.get("old_per_token_logps"), inputs.get("ref_per_token_logps")
        items = inputs.get("num_items_in_batch")
        mask = inputs["completion_mask"] * inputs.get("tool_mask", 1)
        batch = RecordedBatch(
            step=step,
            loss=float(loss.detach()),
            tokens=float(mask.sum() if items is None else items),
            accumulation=int(trainer.current_gradient_accumulation_steps),
            processes=int(trainer.accelerator.num_processes),
            policy=_array(policy),
            old=_array(policy if old is None else old),
            reference=None if reference is None or not trainer.beta else _array(reference),
            advantages=_array(inputs["advantages"]),
            mask=_array(mask),
        )
        write_batch(self.folder, batch)


def _array(values: torch.Tensor) -> Any:
    return values.detach().double().cpu().numpy()
