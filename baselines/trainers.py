"""TRL's trainers with the few overrides this project needs. The only module that touches TRL's private methods.

Overridden, with a test that TRL 1.16.0 still has them (tests/baselines/test_trl_shape.py):
- `_get_train_sampler`: our order (see sampler.py), so that a resumed run serves the same questions;
- `_calculate_rewards`: keeps the rewards by function for the training log;
- `_generate_and_score_completions`: writes the training log after TRL has scored a batch.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import TrainerCallback
from trl import GRPOTrainer, SFTTrainer

from anatomy_r1.answers import extract
from anatomy_r1.prompts import prompt_hash
from anatomy_r1.rewards import text_of
from anatomy_r1.training_log import Rollout, Step, TrainingLog, keep_text
from baselines.sampler import GroupSampler

COMPLETE = "complete"
"""File that marks a checkpoint as whole: transformers writes a checkpoint in place, and a kill may cut it."""


class OrderedSFTTrainer(SFTTrainer):  # type: ignore[misc]
    """SFT that serves questions in our order and loads them without state."""

    def _get_train_sampler(self, train_dataset: Any = None) -> GroupSampler:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return GroupSampler(len(self.train_dataset), chunk=batch, chunks=self.args.max_steps, seed=self.args.seed)


class LoggedGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO as TRL has it, served in our order and written to the training log."""

    training_log: TrainingLog | None = None
    curriculum_level: int | None = None
    _rewards: torch.Tensor | None = None

    def _get_train_sampler(self, dataset: Any = None) -> GroupSampler:
        arguments = self.args
        repeats = self.num_iterations * arguments.steps_per_generation
        chunks = -(-arguments.max_steps * arguments.gradient_accumulation_steps // repeats)
        return GroupSampler(
            len(self.train_dataset),
            chunk=arguments.generation_batch_size // self.num_generations,
            chunks=chunks,
            group=self.num_generations,
            repeats=repeats,
            seed=arguments.seed,
        )

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids: Any) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids)
        self._rewards, self._completions = rewards, completions
        return rewards

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if self.model.training and self.training_log is not None:
            self.training_log.add_rollouts(self._rollouts(inputs, output))
        return output

    def _rollouts(self, inputs: Sequence[dict[str, Any]], output: dict[str, Any]) -> list[Rollout]:
        """What this process served and sampled, row by row. Rewards were gathered over processes: take our slice."""
        first = self.accelerator.process_index * len(inputs)
        assert self._rewards is not None
        rewards = self._rewards[first : first + len(inputs)].tolist()
        tokens = output["completion_mask"].sum(1).tolist()
        ends = _ends(output["completion_ids"], self.eos_token_ids)
        rows = zip(inputs, self._completions, rewards, output["advantages"].tolist(), tokens, ends, strict=True)
        return [self._rollout(first + i, row) for i, row in enumerate(rows)]

    def _rollout(self, place: int, served: tuple[Any, ...]) -> Rollout:
        """One row; `place` counts rows over all processes, in which a group's members stand together."""
        row, completion, rewards, advantage, tokens, ended = served
        step, prompt, text = self.state.global_step + 1, row["prompt"][-1]["content"], text_of(completion)
        return Rollout(
            step=step,
            group_index=place // self.num_generations,
            member=place % self.num_generations,
            question_id=row["question_id"],
            anatomy=row["anatomy"],
            prompt_hash=prompt_hash(prompt),
            image_hash=image_hash(row["image"]),
            prompt=prompt if keep_text(step) else None,
            completion=text if keep_text(step) else None,
            choice=extract(text, row["options"]).choice,
            rewards=json.dumps(dict(zip(self.reward_func_names, rewards, strict=True))),
            advantage=advantage,
            tokens=int(tokens),
            finish_reason="stop" if ended else "length",
            level=self.curriculum_level,
        )


def _ends(completion_ids: torch.Tensor, eos: Sequence[int]) -> list[bool]:
    """Whether each row (B, C) holds an end-of-sequence token."""
    return torch.isin(completion_ids, torch.tensor(list(eos), device=completion_ids.device)).any(1).tolist()


def image_hash(image: Image.Image) -> str:
    """Identity of the pixels really served: 16 hex digits over size, mode and bytes."""
    head = f"{image.mode}{image.size}".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()[:16]


class LogSteps(TrainerCallback):  # type: ignore[misc]
    """Writes one `Step` an optimiser step, tells how far the run is, and marks checkpoints that are whole."""

    def __init__(self, log: TrainingLog, report: Any) -> None:
        self.log, self.report, self.began = log, report, time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the step's clock."""
        self.began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """One row; transformers also logs a summary at the end, which has no `loss`."""
        if not logs or "loss" not in logs:
            return
        self.log.add_step(
            Step(
                step=state.global_step,
                loss=logs["loss"],
                learning_rate=logs.get("learning_rate"),
                grad_norm=logs.get("grad_norm"),
                entropy=logs.get("entropy"),
                kl=logs.get("kl"),
                reward=logs.get("reward"),
                level=logs.get("curriculum/level"),
                seconds=time.perf_counter() - self.began,
                rollout_tokens=self.log.rollout_tokens(),
            )
        )
        self.report(state.global_step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Runs after everything of the checkpoint has been written."""
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()
