"""Rows of several generated batches -> one batch, padded as TRL pads: prompts on the left, completions on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

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
        raise ValueError(f"cannot join batches with {sorted(unknown)}; teach baselines/trainers/merge.py")
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
