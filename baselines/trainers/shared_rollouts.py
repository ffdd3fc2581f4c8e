"""Rollouts that read each prompt and its image once for a whole group, by the evaluation engine's own sampling.

TRL lets transformers generate one completion a row, with a prefill for each row. Here rows with the same prompt and
image (shared_prefix.py) share the prefill: its keys and values are repeated for the group (`decode` in
anatomy_r1/evaluation/engines/decoding.py). A completion that has ended leaves the batch.

The random numbers come from PyTorch's generator, which checkpoints restore; they are not those that TRL would draw.
Weights must be whole in each process: how many forward passes one makes depends on its own completions. vLLM has a
prefix cache of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from trl.models import unwrap_model_for_generation

from anatomy_r1.evaluation.engines.decoding import GenerationRequest, decode
from baselines.trainers.shared_prefix import Groups, Rows, groups_of, rows_of

UNUSED = {"top_k": (0, None), "top_p": (1.0,), "min_p": (None, 0.0), "repetition_penalty": (1.0,)}
"""Settings of sampling that `decode` does not have, and the values at which they do nothing."""
KNOWN = ("suppress_tokens", "min_new_tokens")
"""What it reads of `generation_kwargs`. TRL suppresses the image token, which would refer to no image."""


def unsupported(arguments: Any) -> str:
    """The setting that these rollouts lack, and why; empty if there is none."""
    if arguments.use_vllm:
        return "use_vllm: vLLM caches prefixes itself: leave out shared_rollouts"
    for name, values in UNUSED.items():
        if getattr(arguments, name) not in values:
            return f"{name}: shared_rollouts samples by temperature alone: write {values[0]:g}"
    if arguments.cache_implementation or (arguments.generation_kwargs or {}).keys() - set(KNOWN):
        return f"generation_kwargs: shared_rollouts reads only {', '.join(KNOWN)}, and no cache_implementation"
    return ""


def sample(
    trainer: Any, prompts: Sequence[Sequence[int]], images: Any, fields: Mapping[str, Any]
) -> tuple[list[list[int]], list[list[float]] | None]:
    """One completion for each prompt: its tokens, with the end token if it was reached, and their log-probabilities.

    The latter are None unless the training checks them (`parity_band`).
    `images` are lists of each prompt's images, and `fields` what the processor returned for them, as TRL has them.
    """
    rows = _rows(trainer, prompts, images, fields)
    groups = groups_of(rows)
    settings = (trainer.accelerator, trainer.args.ds3_gather_for_generation)
    checkpointing = trainer.args.gradient_checkpointing_kwargs
    with unwrap_model_for_generation(
        trainer.model_wrapped, *settings, gradient_checkpointing_kwargs=checkpointing
    ) as model:
        asked = _requests(trainer, groups)
        found = decode(
            model,
            _inputs(rows, groups),
            asked,
            trainer.eos_token_ids,
            banned=_banned(trainer),
            log_probabilities=bool(trainer.args.parity_band),
        )
    of_row = dict(zip((row for group in groups for row in group), found, strict=True))
    of_prompt = [of_row[row] for row in range(len(prompts))]
    logged = [one.log_probabilities for one in of_prompt] if trainer.args.parity_band else None
    return [one.tokens for one in of_prompt], logged


def _banned(trainer: Any) -> Callable[[int], list[int]]:
    """Tokens not to be sampled after so many tokens: the image token, and the end before the least length."""
    given, ends = trainer.generation_kwargs, list(trainer.eos_token_ids)
    always, least = list(given.get("suppress_tokens") or ()), given.get("min_new_tokens") or 0
    return lambda count: [*always, *(ends if count < least else ())]


def _rows(trainer: Any, prompts: Sequence[Sequence[int]], images: Any, fields: Mapping[str, Any]) -> Rows:
    """The prompts, padded on the left, without completions."""
    tokens = [torch.tensor(one) for one in prompts]
    pad = trainer.processing_class.tokenizer.pad_token_id
    types = fields.get("mm_token_type_ids")
    sized = None if images is None else [len(one or ()) for one in images]
    given = {
        "types": None if types is None else _left([torch.tensor(one) for one in types], 0),
        "pixels": fields.get("pixel_values"),
        "grid": fields.get("image_grid_thw"),
    }
    device = trainer.accelerator.device
    moved = {name: None if value is None else value.to(device) for name, value in given.items()}
    mask = _left([torch.ones_like(one) for one in tokens], 0)
    return rows_of(_left(tokens, pad).to(device), mask.to(device), 0, images=sized, **moved)


def _left(rows: Sequence[torch.Tensor], fill: int) -> torch.Tensor:
    return pad_sequence(list(rows), batch_first=True, padding_value=fill, padding_side="left")


def _inputs(rows: Rows, groups: Groups) -> dict[str, Any]:
    """Arguments of the prefill: one row a group."""
    first = [group[0] for group in groups]
    found = {"input_ids": rows.ids[first], "attention_mask": rows.mask[first]}
    if rows.types is not None:
        found["mm_token_type_ids"] = rows.types[first]
    if rows.pixels:
        found["pixel_values"] = torch.cat([rows.pixels[row] for row in first])
        found["image_grid_thw"] = torch.cat([rows.grids[row] for row in first])
    return found


def _requests(trainer: Any, groups: Groups) -> list[GenerationRequest]:
    """One for each row, group by group. Each row's numbers depend on its place, not on its group."""
    numbers = torch.rand(sum(map(len, groups)), trainer.max_completion_length, dtype=torch.float64).tolist()
    heat = trainer.temperature
    return [GenerationRequest(i, numbers[row], False, heat) for i, group in enumerate(groups) for row in group]
