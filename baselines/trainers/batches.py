"""TRL's batches of rows, put together from rows of others: for DAPO's draws, and for groups that share their prompt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

from baselines.trainers.shared_prefix import groups_of, rows_of

Batch = dict[str, Any]
Pick = tuple[int, int]
"""Number of a batch, and of a row in it."""

PADDED = {
    **dict.fromkeys(("prompt_ids", "prompt_mask"), "left"),
    **dict.fromkeys(("completion_ids", "completion_mask", "old_per_token_logps", "ref_per_token_logps"), "right"),
    **dict.fromkeys(("sampling_per_token_logps", "importance_sampling_ratio"), "right"),
}
"""Side on which TRL pads each tensor of a batch."""
PER_ROW = ("advantages", "pixel_values", "image_grid_thw", "num_images", "masked_pixel_values")
OTHER = ("mm_token_type_ids", "num_items_in_batch")


def merge(batches: Sequence[Batch], picks: Sequence[Pick], pad: int) -> Batch:
    """The picked rows of several batches as one, padded as TRL pads; the caller adds `num_items_in_batch`."""
    unknown = set(batches[0]) - {*PADDED, *PER_ROW, *OTHER}
    if unknown:
        raise ValueError(
            f"cannot merge batches with {sorted(unknown)}. Fix: add the key to baselines/trainers/batches.py"
        )
    parts = [split_pixel_values_by_grid(batch) for batch in batches]
    merged: Batch = {key: [parts[b][key][r] for b, r in picks] for key in parts[0] if key not in OTHER}
    merged["advantages"] = torch.stack(merged["advantages"])
    for key in merged.keys() & PADDED.keys():
        fill = pad if key.endswith("_ids") else 0
        merged[key] = pad_sequence(merged[key], batch_first=True, padding_value=fill, padding_side=PADDED[key])
    if "mm_token_type_ids" in batches[0]:
        types = [batches[b]["mm_token_type_ids"][r, : batches[b]["prompt_ids"].size(1)] for b, r in picks]
        prompt = pad_sequence(types, batch_first=True, padding_side="left")
        completion = prompt.new_zeros(merged["completion_ids"].shape)  # image tokens are in the prompt
        merged["mm_token_type_ids"] = torch.cat([prompt, completion], dim=1)
    joined: Batch = unsplit_pixel_values_by_grid(merged)
    return joined


def together(batches: Sequence[Batch], pad: int) -> list[Batch]:
    """The rows of several batches in as many of the same size, with rows of one prompt and image next to each other.

    TRL shuffles the rows of a generated batch before it splits them: a group that is spread over batches shares little.
    """
    every = [(number, row) for number, batch in enumerate(batches) for row in range(len(batch["prompt_ids"]))]
    whole, size = merge(batches, every, pad), len(batches[0]["prompt_ids"])
    types = whole.get("mm_token_type_ids")
    rows = rows_of(
        whole["prompt_ids"],
        whole["prompt_mask"],
        0,
        types=None if types is None else types[:, : whole["prompt_ids"].size(1)],
        pixels=whole.get("pixel_values"),
        grid=whole.get("image_grid_thw"),
        images=whole.get("num_images"),
    )
    order = list(chain.from_iterable(groups_of(rows)))
    found = [merge([whole], [(0, row) for row in order[i : i + size]], pad) for i in range(0, len(order), size)]
    return [{**new, "num_items_in_batch": batches[0]["num_items_in_batch"]} for new in found]
