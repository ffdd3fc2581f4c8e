"""What RL training writes down: each rollout for the training log, and inputs of the loss for certificates.

Neither changes training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from anatomy_r1.prompts import prompt_hash
from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.strict import extract
from anatomy_r1.training.rewards import text_of
from anatomy_r1.training.similarity import Similarity, served_difficulty
from anatomy_r1.training.training_log import RecordedBatch, Rollout, keep_text, write_batch
from baselines.trainers.sampler import TrainingRow


def rollout(
    row: TrainingRow, completion: Any, similarity: Similarity | None, *, with_text: bool, **measured: Any
) -> Rollout:
    """One rollout for the log, from what was really served: the hashes are of this member's own prompt and image.

    `measured` are the other fields of `Rollout`.
    """
    prompt, text, options = row["prompt"][-1]["content"], text_of(completion), row["options"]
    return Rollout(
        **measured,
        question_id=row["question_id"],
        anatomy=row["anatomy"],
        prompt_hash=prompt_hash(prompt),
        image_hash=image_hash(row["image"]),
        prompt=prompt if with_text else None,
        completion=text if with_text else None,
        choice=extract(text, options).choice,
        similarity=served_difficulty(similarity, options[LETTERS.index(row["letter"])], options),
        level=row.get("level"),
    )


def ended_by_eos(completion_ids: torch.Tensor, eos: Sequence[int]) -> list[bool]:
    """(B, C) -> B: whether each completion has an end-of-sequence token."""
    return torch.isin(completion_ids, torch.tensor(list(eos), device=completion_ids.device)).any(1).tolist()


def image_hash(image: Image.Image) -> str:
    """Hash of the pixels really served: 16 hex digits over size, mode and bytes."""
    head = f"{image.mode}{image.size}".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()[:16]


class Recorder:
    """Writes the first batch of every step for which the training log keeps texts.

    Args:
        folder: where the batches go; a step that is trained again after a resume overwrites its file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.last = folder, 0

    def record(self, trainer: Any, inputs: dict[str, Any], policy: torch.Tensor, loss: torch.Tensor) -> None:
        """Write the batch whose loss was just computed, if its step is recorded.

        Args:
            trainer: the GRPO trainer.
            inputs: TRL's batch.
            policy: (B, T) log-probabilities that went into the loss.
            loss: the loss.
        """
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
