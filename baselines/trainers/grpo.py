"""TRL's GRPO, served in our order, with hooks for what a batch serves and draws, and written to the training log.

Image tokens as vLLM wants them beside training (TRL's colocate mode).

One generated and scored batch, and what its rewards say about groups.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

from anatomy_r1.training.similarity import Similarity
from anatomy_r1.training.training_log import Rollout, TrainingLog, keep_text
from baselines.trainers.records import Place, Recorder, ends, rollout
from baselines.trainers.sampler import GroupSampler
from baselines.trainers.serve_augmented import Augment, group_rng
from baselines.trainers.serve_curriculum import Curriculum, Moment


def one_pad_an_image(tokens: Sequence[int], pad: int) -> list[int]:
    """Runs of the image's padding token as one: TRL hands over expanded prompts, and vLLM expands what it gets.

    (huggingface/trl#6294, #6718, #6719; seen in TRL 1.16.0's `VLLMGeneration.generate`.)

    Example:
        >>> one_pad_an_image([5, 9, 9, 9, 6, 9, 9], pad=9)
        [5, 9, 6, 9]
    """
    return [token for value, run in groupby(tokens) for token in ([value] if value == pad else run)]


SPREAD = 1e-6
"""A group whose largest and smallest reward differ by no more is constant. A standard deviation is no test: that of
eight rewards of 1.2 in float32 is not zero, and TRL's `isclose(std, 0)` does not see it."""


@dataclass(frozen=True)
class Draw:
    """Rows that this process served, and what came of them."""

    rows: Sequence[dict[str, Any]]
    batch: dict[str, Any]
    """TRL's tensors, rows first."""
    completions: Sequence[Any]
    rewards: torch.Tensor
    """(rows of all processes, reward functions)."""
    totals: torch.Tensor
    """(rows of all processes,): weighted sum over functions."""


def varied(values: torch.Tensor, group: int) -> torch.Tensor:
    """Whether each group of `group` values in a row, (N,) -> (N / group,), is not constant."""
    grouped = values.view(-1, group)
    return (grouped.amax(1) - grouped.amin(1)) > SPREAD


Row = dict[str, Any]


class LoggedGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO. `curriculum` (ASC) chooses the questions of a batch; `augment` (GDQA) changes what each member sees."""

    training_log: TrainingLog | None = None
    rollout_tokens: int = 0
    """Completion tokens that all processes have sampled so far, discarded draws included."""
    similarity: Similarity | None = None
    """Scores what is served, for the log."""
    curriculum: Curriculum | None = None
    augment: Augment | None = None
    recorder: Recorder | None = None
    """Keeps some batches for certificates."""

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

    def _generate_single_turn(self, prompt_ids: Any, images: Any, *rest: Any, **named: Any) -> Any:
        if self.use_vllm and self.vllm_mode == "colocate" and self._image_pad_token_id is not None:
            prompt_ids = [one_pad_an_image(ids, self._image_pad_token_id) for ids in prompt_ids]
        return super()._generate_single_turn(prompt_ids, images, *rest, **named)

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids: Any) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids)
        self._rewards, self._completions = rewards, completions
        return rewards

    def _generate_and_score_completions(self, inputs: list[Row]) -> dict[str, Any]:
        if not self.model.training:
            evaluated: dict[str, Any] = super()._generate_and_score_completions(inputs)
            return evaluated
        return self.collect(self.vary(self.chosen(inputs)))

    def _get_per_token_logps_and_entropies(self, *arguments: Any, **named: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*arguments, **named)
        self._log_probabilities = found[0].detach()
        return found

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        if self.recorder is not None and self.model.training:
            self.recorder.record(self, inputs, self._log_probabilities, loss)
        return loss

    @property
    def generation(self) -> int:
        """Number of the generated batch, from 0; the same after a resume."""
        accumulation = self.args.gradient_accumulation_steps
        steps = self.state.global_step * accumulation + self._step % accumulation
        return int(steps // (self.args.steps_per_generation * self.num_iterations))

    def chosen(self, rows: Sequence[Row]) -> list[Row]:
        """The rows to serve: the loader's, or those that the curriculum puts in their place."""
        if self.curriculum is None:
            return list(rows)
        # Decided here and not in the sampler: the loader fetches a batch ahead and would not know the last accuracy.
        key = "rewards/accuracy_reward/mean"  # gathered over processes and part of a checkpoint
        accuracies = [entry[key] for entry in self.state.log_history if key in entry]
        chunk = len(rows) * self.accelerator.num_processes // self.num_generations
        served = self.curriculum.serve(Moment(self.generation, chunk, accuracies))
        if served.level is not None:
            self._metrics["train"]["curriculum/level"].append(served.level)
        everyones = self.grouped([{**self.train_dataset[index], **columns} for index, columns in served.rows])
        first = self.accelerator.process_index * len(rows)
        return everyones[first : first + len(rows)]

    def grouped(self, rows: Sequence[Row]) -> list[Row]:
        """Each row once for every member of its group."""
        return [row for row in rows for _ in range(self.num_generations)]

    def vary(self, rows: Sequence[Row]) -> list[Row]:
        """What each member of a group sees. Members are known by their place over all processes."""
        if self.augment is None:
            return list(rows)
        varied_groups: dict[int, list[Row]] = {}
        shown = []
        for place, row in enumerate(rows, self.accelerator.process_index * len(rows)):
            group, member = divmod(place, self.num_generations)
            if group not in varied_groups:
                rng = group_rng(self.args.seed, self.generation, row["question_id"])
                varied_groups[group] = self.augment(row, self.num_generations, rng)
            shown.append(varied_groups[group][member])
        return shown

    def collect(self, rows: Sequence[Row]) -> dict[str, Any]:
        """One batch to learn from, its draws written to the log."""
        drawn = self.draw(rows)
        self.write(drawn, 0, range(len(rows)))
        return drawn.batch

    def draw(self, rows: Sequence[Row]) -> Draw:
        """Let TRL sample and score the rows. A constant group's advantage is set to exactly 0, as eq. 1 has it."""
        batch: dict[str, Any] = super()._generate_and_score_completions(list(rows))
        totals = (self._rewards * self.reward_weights.to(self._rewards.device)).nansum(1)
        first = self.accelerator.process_index * len(rows)
        live = varied(totals, self.num_generations).repeat_interleave(self.num_generations)[first : first + len(rows)]
        # Rounding makes float32 means inexact, and TRL divides by a deviation near zero: eight rewards of 1.8 get 1e-3.
        batch["advantages"] = torch.where(live, batch["advantages"], torch.zeros_like(batch["advantages"]))
        return Draw(rows, batch, self._completions, self._rewards, totals)

    def write(self, drawn: Draw, number: int, kept: Collection[int]) -> None:
        """Log what all processes served and sampled in draw `number`; `kept` are this process's rows learned from."""
        rows = gather_object(self._rollouts(drawn, number, kept))
        self.rollout_tokens += sum(row.tokens for row in rows)
        if self.training_log is not None and self.accelerator.is_main_process:
            self.training_log.add_rollouts(rows)

    def _rollouts(self, drawn: Draw, number: int, kept: Collection[int]) -> list[Rollout]:
        """This process's rows. Rewards were gathered over processes: take our slice."""
        count, step = len(drawn.rows), self.state.global_step + 1
        first, groups = self.accelerator.process_index * count, len(drawn.rewards) // self.num_generations
        rewards = drawn.rewards[first : first + count].tolist()
        advantages, tokens = drawn.batch["advantages"].tolist(), drawn.batch["completion_mask"].sum(1).tolist()
        finished = ends(drawn.batch["completion_ids"], self.eos_token_ids)
        return [
            rollout(
                Place(
                    step=step,
                    group_index=number * groups + (first + i) // self.num_generations,
                    member=(first + i) % self.num_generations,
                    draw=number,
                    kept=i in kept,
                ),
                drawn.rows[i],
                drawn.completions[i],
                similarity=self.similarity,
                rewards=json.dumps(dict(zip(self.reward_func_names, rewards[i], strict=True))),
                advantage=advantages[i],
                tokens=int(tokens[i]),
                finish_reason="stop" if finished[i] else "length",
                with_text=keep_text(step),
            )
            for i in range(count)
        ]
