"""DAPO's dynamic sampling: groups without signal are dropped and other prompts drawn (arXiv:2503.14476, sec. 3.2).

The paper that this repository follows describes DAPO as sampling the same group again; DAPO's own draws other prompts.

Rows of several generated batches -> one batch, padded as TRL pads: prompts on the left, completions on the right.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import gather_object
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

from baselines.trainers.grpo import Draw, LoggedGRPOTrainer, varied

Batch = dict[str, Any]
Pick = tuple[int, int]
"""Number of a batch, and of a row in it."""

LEFT = ("prompt_ids", "prompt_mask")
RIGHT = (
    "completion_ids",
    "completion_mask",
    "old_per_token_logps",
    "ref_per_token_logps",
    "sampling_per_token_logps",
    "importance_sampling_ratio",
)
ROWS = ("advantages", "pixel_values", "image_grid_thw", "num_images")
OTHER = ("mm_token_type_ids", "num_items_in_batch")


def merge(batches: Sequence[Batch], picks: Sequence[Pick], pad: int) -> Batch:
    """The picked rows, in order. `num_items_in_batch` is left to the caller, who knows the other processes.

    Raises:
        ValueError: for a key that this code does not know how to join (a new release of TRL may add one).
    """
    unknown = set(batches[0]) - {*LEFT, *RIGHT, *ROWS, *OTHER}
    if unknown:
        raise ValueError(f"cannot join batches with {sorted(unknown)}; teach baselines/trainers/dapo.py")
    parts = [split_pixel_values_by_grid(batch) for batch in batches]
    merged = {key: _join(key, [parts[b][key][r] for b, r in picks], pad) for key in parts[0] if key not in OTHER}
    if "mm_token_type_ids" in batches[0]:
        merged["mm_token_type_ids"] = _types(batches, picks, merged["completion_ids"])
    joined: Batch = unsplit_pixel_values_by_grid(merged)
    return joined


def _join(key: str, values: list[Any], pad: int) -> Any:
    fill = pad if key.endswith("_ids") else 0
    if key in LEFT or key in RIGHT:
        return _padded(values, left=key in LEFT, fill=fill)
    return torch.stack(values) if key == "advantages" else values


def _padded(rows: Sequence[torch.Tensor], *, left: bool, fill: int) -> torch.Tensor:
    length = max(len(row) for row in rows)
    gaps = [(length - len(row), 0) if left else (0, length - len(row)) for row in rows]
    return torch.stack([torch.nn.functional.pad(row, gap, value=fill) for row, gap in zip(rows, gaps, strict=True)])


def _types(batches: Sequence[Batch], picks: Sequence[Pick], completion_ids: torch.Tensor) -> torch.Tensor:
    """(B, P+C): image tokens are in the prompt, so the completion's part is zero."""
    prompts = [batches[b]["mm_token_type_ids"][r, : batches[b]["prompt_ids"].size(1)] for b, r in picks]
    prompt_part = _padded(prompts, left=True, fill=0)
    return torch.cat([prompt_part, prompt_part.new_zeros(completion_ids.shape)], dim=1)


class DAPOTrainer(LoggedGRPOTrainer):
    """Draws until the batch is full of groups with 0 < #correct < G, at most `resample_rounds` more times.

    A group also needs rewards that differ: a format point may make up for a missing accuracy point (our addition; DAPO
    has accuracy alone). Where the batch does not fill, groups of the first draw without signal fill it (ours): their
    accuracy teaches nothing, their format may. Each process fills its own share (no tensor travels): what is kept
    of further draws depends on the number of processes.
    """

    def collect(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """One batch of as many rows; every draw goes into the log, with the rows that were kept."""
        if len(rows) % self.num_generations:
            raise ValueError("dynamic sampling needs whole groups in each process: change the batch size")
        draws = [self.draw(rows)]
        while len(draws) <= self.args.resample_rounds and not self._full(draws):
            more = self._others(draws)
            if not more:
                break
            draws.append(self.draw(self.vary(more)))
        picks = self._picks(draws)
        for number, drawn in enumerate(draws):
            self.write(drawn, number, {row for batch, row in picks if batch == number})
        self._metrics["train"]["dapo/draws"].append(len(draws))
        self._metrics["train"]["dapo/full"].append(float(self._full(draws)))
        return self._merged(draws, picks)

    def _signal(self, drawn: Draw) -> list[int]:
        """This process's groups that carry a signal."""
        accuracy = drawn.rewards[:, self.reward_func_names.index("accuracy_reward")]
        both = varied(accuracy, self.num_generations) & varied(drawn.totals, self.num_generations)
        count = len(drawn.rows) // self.num_generations
        first = self.accelerator.process_index * count
        return [i for i in range(count) if both[first + i]]

    def _full(self, draws: Sequence[Draw]) -> bool:
        """Whether every process has enough: all must go on or stop together."""
        kept = sum(len(self._signal(drawn)) for drawn in draws)
        counts = self.accelerator.gather(torch.tensor([kept], device=self.accelerator.device))
        fewest = int(counts.min())
        return fewest >= len(draws[0].rows) // int(self.num_generations)

    def _others(self, draws: Sequence[Draw]) -> list[dict[str, Any]]:
        """This process's share of as many questions again, none of them drawn before in this step; [] if too few.

        The choice depends on the seed, the step and the round alone, so that a resumed run draws the same.
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
        signal = [(number, group) for number, drawn in enumerate(draws) for group in self._signal(drawn)]
        rest = [(0, group) for group in range(wanted) if (0, group) not in signal]
        groups = [*signal, *rest][:wanted]
        return [(number, group * size + member) for number, group in groups for member in range(size)]

    def _merged(self, draws: Sequence[Draw], picks: Sequence[Pick]) -> dict[str, Any]:
        batch = merge([drawn.batch for drawn in draws], picks, self._tokenizer.pad_token_id)
        batch["num_items_in_batch"] = self.accelerator.gather(batch["completion_mask"].sum()).sum()
        return batch
