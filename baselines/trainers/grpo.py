"""GRPO (arXiv:2402.03300), step by step: TRL's trainer with our order of prompts, extension points and training log.

One optimiser step, in order. "Paper" is arXiv:2512.19512; G is `num_generations`, the size of a group.

1. **Draw prompts.** `GroupSampler` yields `generation_batch_size / G` questions, a function of the seed alone, and
   repeats each question G times: these G adjacent rows are its group. *ASC differs here, and only here:* `choose` lets
   a curriculum pick the questions and their distractors (serve.py).
2. **Show them.** All members of a group see the same prompt and image. *GDQA differs here, and only here:* `vary` gives
   each member its own wording and image noise (serve.py).
3. **Sample.** `draw` lets TRL sample one completion per row from the current policy pi_old, at the profile's
   temperature, up to `max_completion_length` tokens, with transformers or vLLM (vllm_rollouts.py). With
   `shared_rollouts`, transformers reads a prompt once for its group (shared_rollouts.py); with `kept_inputs_mb`, so
   does the processor, and once for sampling and scoring (kept_inputs.py).
4. **Reward.** Each reward function scores each completion, as the text that evaluation would read: accuracy and format
   (anatomy_r1/training/rewards.py), then a method's own (*DAPO adds a penalty for overlong completions*). R_i is their
   weighted sum.
5. **Turn rewards into advantages**, still in `draw`: A_i = (R_i - mean(R)) / (std(R) + 1e-4) over the group, the same
   for every token of completion i (paper, eq. 1; DeepSeekMath, sec. 4.1.2; TRL adds the 1e-4). A constant group, whose
   rewards are all equal (a zero-variance group), gets exactly 0. *GPG differs here:* A_i = alpha (R_i - mean(R)); its
   `draw` is in gpg.py.
6. **Collect a batch.** `collect` returns what the step learns from: in GRPO every group drawn. *DAPO differs here:* it
   drops groups without signal and draws other prompts (dapo.py).
7. **Compute the loss** in TRL (paper, eq. 2; DeepSeekMath, eq. 3 and 4), over B completions o_i, with the ratio
   r = pi / pi_old and the reference policy pi_ref, where training started:
   L = -1/B sum_i 1/|o_i| sum_t [min(r A_i, clip(r, 1 - epsilon, 1 + epsilon) A_i) - beta (exp(d) - d - 1)],
   d = log pi_ref - log pi. With one update per batch, r is 1 and the clip never acts. *GPG's loss is -A log pi, DAPO's
   a mean over all tokens of the batch without the KL term:* both are TRL's, chosen by the knobs in baselines/methods/.
   With `shared_prefix`, log-probabilities come from one row a group in place of G (shared_prefix.py).
   Here `check_rollouts` compares them with the sampler's, where it states its own (parity.py).
   *PAPO adds two terms* with the same images, masked: its `add_terms` is in papo.py.
8. **Log.** `log_draw` writes every completion to the training log, discarded draws included; `LogSteps` (records.py)
   writes the step: loss, reward, KL, entropy, learning rate, tokens. `Recorder` (records.py) keeps the inputs of the
   loss at step 1 and every tenth, for certificates.
9. **Keep a policy.** `KeepPolicies` (records.py) saves the policy at the end of the method's own steps and, for the
   arm of equal tokens, once `rollout_tokens` tokens have been sampled.
"""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import GRPOTrainer

from anatomy_r1.chat import Detokenizer, generation_prompt, opened_by
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.similarity import Similarity
from anatomy_r1.training.training_log import Parity, Rollout, TrainingLog, keep_text
from baselines.trainers.batches import together
from baselines.trainers.kept_features import keep_features
from baselines.trainers.kept_inputs import KeptInputs, RowsOnce, one_object_each
from baselines.trainers.parity import agreement, partial_sums, require
from baselines.trainers.records import Recorder, rollout
from baselines.trainers.serve import Augment, Curriculum, GroupSampler, TrainingRow
from baselines.trainers.shared_rollouts import sample
from baselines.trainers.shared_scores import check_model, from_shared_rows, share_images, without_graph
from baselines.trainers.vllm_rollouts import (
    ban_image_token,
    bound_context,
    for_vllm,
    require_gradients,
    seed_sampler,
)

SPREAD = 1e-6
"""A group is constant if its largest and smallest reward differ by no more than this. The standard deviation is not a
reliable test: for eight rewards of 1.2 it is not zero in float32, and TRL's `isclose(std, 0)` does not catch it."""


@dataclass(frozen=True)
class Draw:
    """Rows that this process served, and the rollouts sampled from them."""

    rows: Sequence[TrainingRow]
    batch: dict[str, Any]
    """TRL's tensors, rows first; `advantages` (rows,) among them."""
    completions: Sequence[Any]
    rewards: torch.Tensor
    """(rows of all processes, reward functions)."""
    totals: torch.Tensor
    """(rows of all processes,): weighted sum over reward functions."""


def nonconstant(values: torch.Tensor, group: int) -> torch.Tensor:
    """(N,) -> (N / group,): whether the values of each group of `group` adjacent rows differ."""
    grouped = values.view(-1, group)
    return (grouped.amax(1) - grouped.amin(1)) > SPREAD


def _require_numbers(rewards: torch.Tensor, names: Sequence[str]) -> None:
    """Every reward of all processes is a number: TRL leaves out what is not, and a log with it cannot be read.

    Raises:
        AnatomyR1Error: A function returned None, NaN or an infinite number.
    """
    wrong = [name for name, finite in zip(names, torch.isfinite(rewards).all(0).tolist(), strict=True) if not finite]
    if wrong:
        told = f"reward {wrong[0]}: returned None, NaN or an infinite number"
        raise AnatomyR1Error(f"{told}. Fix: return a number for each completion, 0.0 where the reward does not apply")


class LoggedGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO. Other methods extend `draw`, `collect`, `vary` and `add_terms` (docs/add-a-method.md)."""

    training_log: TrainingLog | None = None
    rollout_tokens: int = 0
    """Completion tokens that all processes have sampled so far, discarded draws included."""
    similarity: Similarity | None = None
    """Scores S(q) of the options served, for the log."""
    curriculum: Curriculum | None = None
    """ASC: chooses the questions of a batch."""
    augment: Augment | None = None
    """GDQA: changes what each member of a group sees."""
    recorder: Recorder | None = None
    _buffered_inputs: Any
    processing_class: Any
    train_dataset: Any

    def __init__(self, model: Any, *arguments: Any, args: Any, **named: Any) -> None:
        bound_context(args, model)
        super().__init__(model, *arguments, args=args, **named)
        without_graph(self.model)
        if self.args.shared_prefix:
            check_model(self.model)
            for whole in (self.model, self.ref_model):
                if whole is not None:
                    share_images(whole)
        if self.args.shared_rollouts and (self.is_fsdp_enabled or is_deepspeed_zero3_enabled()):
            told = "shared_rollouts needs whole weights in each process, and they are sharded"
            raise AnatomyR1Error(f"{told}. Fix: shared_rollouts: false, or another `launch.accelerate`, in the profile")
        if self.use_vllm:
            seed_sampler(args, self.accelerator.process_index)
            require_gradients(self.accelerator.device)
        if self.use_vllm and self._image_pad_token_id is not None:
            ban_image_token(self.vllm_generation, self._image_pad_token_id)
        if self.args.kept_features_mb:
            keep_features(self)
        self._kept_inputs = KeptInputs(self.processing_class, self.args.kept_inputs_mb) if self._keeps_inputs else None

    @property
    def _keeps_inputs(self) -> bool:
        return bool(self.args.kept_inputs_mb)

    def get_train_dataloader(self) -> Any:
        """TRL's; with `kept_inputs_mb`, a row is read from the dataset once for its group."""
        rows = self.train_dataset
        if self._keeps_inputs:
            self.train_dataset = RowsOnce(rows)
        try:
            return super().get_train_dataloader()
        finally:
            self.train_dataset = rows

    def train(self, *arguments: Any, **named: Any) -> Any:
        """TRL's. With `kept_inputs_mb`, what exists before is taken for permanent: Trainer begins with a whole garbage
        collection, which looks through every imported module.
        """
        if not self._keeps_inputs:
            return super().train(*arguments, **named)
        gc.freeze()
        try:
            return super().train(*arguments, **named)
        finally:
            gc.unfreeze()

    def _generate_and_score_completions(self, inputs: list[TrainingRow]) -> dict[str, Any]:
        """Items 1 to 6 of the step, in the method where TRL performs them."""
        if not self.model.training:
            evaluated: dict[str, Any] = super()._generate_and_score_completions(inputs)
            return evaluated
        return self.collect(self.vary(self.choose(inputs)))

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

    @property
    def generation(self) -> int:
        """Number of the generated batch, from 0; the same after a resume."""
        accumulation = self.args.gradient_accumulation_steps
        steps = self.state.global_step * accumulation + self._step % accumulation
        return int(steps // (self.args.steps_per_generation * self.num_iterations))

    def choose(self, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
        """The rows to serve: the sampler's, or those that the curriculum puts in their place."""
        if self.curriculum is None:
            return list(rows)
        # Decided here and not in the sampler: the loader fetches a batch ahead and would not know the last accuracy.
        key = "rewards/accuracy_reward/mean"  # gathered over processes and part of a checkpoint
        accuracies = [entry[key] for entry in self.state.log_history if key in entry]
        chunk = len(rows) * self.accelerator.num_processes // self.num_generations
        served = self.curriculum.serve(self.generation, chunk, accuracies)
        if served.level is not None:
            self._metrics["train"]["curriculum/level"].append(served.level)
        of_all = self.grouped([{**self.train_dataset[index], **columns} for index, columns in served.rows])
        first = self.accelerator.process_index * len(rows)
        return of_all[first : first + len(rows)]

    def grouped(self, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
        """Each row G times, once for every member of its group."""
        return [row for row in rows for _ in range(self.num_generations)]

    def vary(self, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
        """What each member of a group sees. Members are identified by their position over all processes."""
        if self.augment is None:
            return list(rows)
        members: dict[int, list[TrainingRow]] = {}
        shown = []
        for place, row in enumerate(rows, self.accelerator.process_index * len(rows)):
            group, member = divmod(place, self.num_generations)
            if group not in members:  # their generator is the same after a resume
                rng = random.Random(f"{self.args.seed}/{self.generation}/{row['question_id']}")
                members[group] = self.augment(row, self.num_generations, rng)
            shown.append(members[group][member])
        return shown

    def draw(self, rows: Sequence[TrainingRow]) -> Draw:
        """Let TRL sample and score the rows; set the advantages of constant groups to exactly 0."""
        with self._inputs_kept():
            rows = one_object_each(rows) if self._keeps_inputs else list(rows)
            batch: dict[str, Any] = super()._generate_and_score_completions(rows)
        totals = (self._rewards * self.reward_weights.to(self._rewards.device)).nansum(1)
        first = self.accelerator.process_index * len(rows)
        live = nonconstant(totals, self.num_generations).repeat_interleave(self.num_generations)
        live = live[first : first + len(rows)]
        # Rounding makes float32 means inexact, and TRL divides by a deviation near zero: eight rewards of 1.8 get 1e-3.
        if self.args.multi_objective_aggregation == "sum_then_normalize":  # else a constant sum is not without signal
            batch["advantages"] = torch.where(live, batch["advantages"], torch.zeros_like(batch["advantages"]))
        return Draw(rows, batch, self._completions, self._rewards, totals)

    @contextmanager
    def _inputs_kept(self) -> Iterator[None]:
        """TRL asks `processing_class` for a batch's inputs twice: meanwhile it is the one that keeps them."""
        own = self.processing_class
        self.processing_class = self._kept_inputs or own
        try:
            yield
        finally:
            self.processing_class = own

    def _generate_single_turn(self, prompt_ids: Any, images: Any, *rest: Any, **named: Any) -> Any:
        if self.use_vllm and self._image_pad_token_id is not None:
            prompt_ids = for_vllm(self, prompt_ids, self._image_pad_token_id)
        if self.args.shared_rollouts:
            return sample(self, prompt_ids, images, rest[0])
        return super()._generate_single_turn(prompt_ids, images, *rest, **named)

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids: Any) -> torch.Tensor:
        completions = self._as_evaluated(completions, completion_ids)
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids)
        _require_numbers(rewards, self.reward_func_names)
        self._rewards, self._completions = rewards, completions
        return rewards

    def _as_evaluated(self, completions: Sequence[Any], completion_ids: Sequence[Sequence[int]]) -> list[Any]:
        """Completions with the text that evaluation would read, which TRL lacks in part: what the chat template opened,
        such as `<think>`, and tags that are special tokens.
        """
        opened, detokenizer = self._reading
        texts = [opened + detokenizer.text(tokens) for tokens in completion_ids]
        return [
            text if isinstance(completion, str) else [{"role": "assistant", "content": text}]
            for text, completion in zip(texts, completions, strict=True)
        ]

    @cached_property
    def _reading(self) -> tuple[str, Detokenizer]:
        """What the chat template opens, and the detokenizer."""
        template = {"chat_template": self.chat_template, **self.chat_template_kwargs}
        prompt = generation_prompt(partial(self.processing_class.apply_chat_template, tokenize=False, **template))
        return opened_by(prompt, prompt), Detokenizer(self._tokenizer, self.eos_token_ids)

    def collect(self, rows: Sequence[TrainingRow]) -> dict[str, Any]:
        """The batch that the step learns from; its draws go into the training log."""
        drawn = self.draw(rows)
        self.log_draw(drawn, 0, range(len(rows)))
        return drawn.batch

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        if self.model.training:
            self.check_rollouts(inputs)
            loss = self.add_terms(loss, model, inputs)
        if self.recorder is not None and self.model.training:
            self.recorder.record(self, inputs, self._log_probabilities, loss)
        return loss

    def check_rollouts(self, inputs: dict[str, Any]) -> None:
        """Log how far the sampler's log-probabilities are from the policy's, and stop where they part (parity.py)."""
        given, sampled = self.args, inputs.get("sampling_per_token_logps")
        accumulation = given.gradient_accumulation_steps
        updated = self._step % (given.steps_per_generation * self.num_iterations) >= accumulation
        if not given.parity_band or sampled is None or updated:
            return
        sums = partial_sums(sampled, self._log_probabilities, inputs["completion_mask"], given.parity_band)
        found, step = agreement(self.accelerator.gather(sums[None])), self.state.global_step + 1
        if self.training_log is not None and self.accelerator.is_main_process:
            self.training_log.add_parity(Parity(step, self._step % accumulation, **asdict(found)))
        require(found, step, given.parity_band, given.parity_stop or 1.0)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        if self._buffered_inputs is before or not self._rows_may_move:
            return inputs
        self._buffered_inputs = together(self._buffered_inputs, self._tokenizer.pad_token_id)
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    @property
    def _rows_may_move(self) -> bool:
        """Whether rows are shared, and in whichever batch of its generation a row is, the update is the same: all of
        them end in one update, and nothing is taken over a batch's own tokens: no mean, and no quantile of entropies.
        """
        given = self.args
        one_update = given.gradient_accumulation_steps % given.steps_per_generation == 0
        split = given.steps_per_generation > 1
        by_batch = self.loss_type == "bnpo" or given.top_entropy_quantile < 1 or given.entropy_coef != 0
        return bool(given.shared_prefix and split and one_update and not by_batch)

    def add_terms(self, loss: torch.Tensor, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """The batch's loss with a method's further terms; GRPO has none."""
        return loss

    def _get_per_token_logps_and_entropies(self, *arguments: Any, **named: Any) -> Any:
        found = from_shared_rows(self, *arguments, **named) if self.args.shared_prefix else None
        if found is None:
            found = super()._get_per_token_logps_and_entropies(*arguments, **named)
        self._log_probabilities = found[0].detach()
        return found

    def log_draw(self, drawn: Draw, number: int, kept: Collection[int]) -> None:
        """Log the rollouts of all processes in draw `number`; `kept` are this process's rows to learn from."""
        rollouts = gather_object(self._rollouts(drawn, number, kept))
        self.rollout_tokens += sum(one.tokens for one in rollouts)
        if self.training_log is not None and self.accelerator.is_main_process:
            self.training_log.add_rollouts(rollouts)

    def _rollouts(self, drawn: Draw, number: int, kept: Collection[int]) -> list[Rollout]:
        """This process's rollouts. Rewards are gathered over processes, so take our slice."""
        count, step = len(drawn.rows), self.state.global_step + 1
        first, groups = self.accelerator.process_index * count, len(drawn.rewards) // self.num_generations
        rewards = drawn.rewards[first : first + count].tolist()
        advantages, tokens = drawn.batch["advantages"].tolist(), drawn.batch["completion_mask"].sum(1).tolist()
        ids = drawn.batch["completion_ids"]
        ends = torch.isin(ids, torch.tensor(list(self.eos_token_ids), device=ids.device))
        ended = (ends & drawn.batch["completion_mask"].bool()).any(1).tolist()  # padding may be an end token too
        return [
            rollout(
                drawn.rows[i],
                drawn.completions[i],
                self.similarity,
                with_text=keep_text(step),
                step=step,
                group_index=number * groups + (first + i) // self.num_generations,
                member=(first + i) % self.num_generations,
                draw=number,
                kept=i in kept,
                rewards=json.dumps(dict(zip(self.reward_func_names, rewards[i], strict=True))),
                advantage=advantages[i],
                tokens=int(tokens[i]),
                finish_reason="stop" if ended[i] else "length",
            )
            for i in range(count)
        ]
