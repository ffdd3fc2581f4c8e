"""DAPO's dynamic sampling (arXiv:2503.14476, sec. 3.2): groups without signal give way to groups of other prompts.

This is item 6 of the step in grpo.py. What else differs from GRPO (token-level loss, wider upper clip, no KL term,
overlong penalty) are knobs: baselines/methods/dapo.py. The paper that this project reproduces describes DAPO as
sampling the same group again; DAPO itself draws other prompts, and so do we.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import gather_object

from baselines.trainers.batches import Pick, merge
from baselines.trainers.grpo import Draw, LoggedGRPOTrainer, nonconstant
from baselines.trainers.serve import TrainingRow


class DAPOTrainer(LoggedGRPOTrainer):
    """Draws until the batch is full of groups with 0 < #correct < G, at most `resample_rounds` more times.

    A group also needs rewards that differ: a format point may make up for a missing accuracy point (our addition; DAPO
    has accuracy only). If the batch does not fill, groups of the first draw without signal fill it (ours): their
    accuracy teaches nothing, their format may. Each process fills its own share (no tensor travels): what is kept of
    further draws depends on the number of processes.
    """

    def collect(self, rows: Sequence[TrainingRow]) -> dict[str, Any]:
        """One batch of as many rows; every draw goes into the log, with the rows that were kept."""
        if len(rows) % self.num_generations:
            raise ValueError("dynamic sampling needs whole groups in each process. Fix: change the batch size")
        draws = [self.draw(rows)]
        while len(draws) <= self.args.resample_rounds and not self._full(draws):
            more = self._other_prompts(draws)
            if not more:
                break
            draws.append(self.draw(self.vary(more)))
        picks = self._picks(draws)
        for number, drawn in enumerate(draws):
            self.log_draw(drawn, number, {row for draw, row in picks if draw == number})
        self._metrics["train"]["dapo/draws"].append(len(draws))
        self._metrics["train"]["dapo/full"].append(float(self._full(draws)))
        batch = merge([drawn.batch for drawn in draws], picks, self._tokenizer.pad_token_id)
        batch["num_items_in_batch"] = self.accelerator.gather(batch["completion_mask"].sum()).sum()
        return batch

    def _with_signal(self, drawn: Draw) -> list[int]:
        """This process's groups that carry a signal."""
        accuracy = drawn.rewards[:, self.reward_func_names.index("accuracy_reward")]
        both = nonconstant(accuracy, self.num_generations) & nonconstant(drawn.totals, self.num_generations)
        count = len(drawn.rows) // self.num_generations
        first = self.accelerator.process_index * count
        return [i for i in range(count) if both[first + i]]

    def _full(self, draws: Sequence[Draw]) -> bool:
        """Whether every process has enough groups: all must continue or stop together."""
        kept = sum(len(self._with_signal(drawn)) for drawn in draws)
        counts = self.accelerator.gather(torch.tensor([kept], device=self.accelerator.device))
        fewest = int(counts.min())
        return fewest >= len(draws[0].rows) // int(self.num_generations)

    def _other_prompts(self, draws: Sequence[Draw]) -> list[TrainingRow]:
        """This process's share of as many questions again, none drawn before in this step; [] if too few are left.

        The choice depends on the seed, the step and the round only, so that a resumed run draws the same.
        """
        seen = set(gather_object([row["question_id"] for drawn in draws for row in drawn.rows]))
        ids = self.train_dataset["question_id"]
        free = [i for i in range(len(ids)) if ids[i] not in seen]
        share = len(draws[0].rows) // self.num_generations
        wanted = share * self.accelerator.num_processes
        if len(free) < wanted:
            return []
        chosen = random.Random(f"{self.args.seed}/{self.generation}/draw{len(draws)}").sample(free, wanted)
        first = self.accelerator.process_index * share
        return self.grouped([self.train_dataset[i] for i in chosen[first : first + share]])

    def _picks(self, draws: Sequence[Draw]) -> list[Pick]:
        """Rows of the batch: groups with signal in the order drawn, then the first draw's without."""
        size, wanted = self.num_generations, len(draws[0].rows) // self.num_generations
        signal = [(number, group) for number, drawn in enumerate(draws) for group in self._with_signal(drawn)]
        rest = [(0, group) for group in range(wanted) if (0, group) not in signal]
        groups = [*signal, *rest][:wanted]
        return [(number, group * size + member) for number, group in groups for member in range(size)]
