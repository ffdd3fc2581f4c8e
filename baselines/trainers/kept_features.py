"""Features of images kept over steps, where the vision tower does not change: it runs once an image in a training.

A tower is frozen where none of its weights is trained, adapters included, and the reference's always is. A key is what
the tower reads, the processed pixels, so an image with other noise has other features. A reference alone keeps none of
such images: it reads each of them once.

Each image goes through the tower by itself: a matrix product rounds by the size of its batch, and so features do not
depend on which images were kept, and a resumed training has the same. They differ in the last bits from those that all
images of a batch have together. They are kept in main memory, within a number of megabytes for each process. Policy and
reference share them where their towers are equal.

Qwen3-VL's tower gives more of an image than its tokens' embeddings: `deepstack_features`, as many again from each of
some layers. They are kept with them.

What is relied on in transformers 5.17.0, which tests/baselines/trainers/test_trl_shape.py checks: the model reads
images by `get_image_features`, whose `pooler_output` has an entry for each image.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import torch
from transformers.integrations import is_deepspeed_zero3_enabled

from anatomy_r1.errors import AnatomyR1Error
from baselines.trainers.kept import MEGABYTE, Kept
from baselines.trainers.shared_scores import deep_features

SUMS = 4
"""Sums of 64 bits in a fingerprint (ours). A sum of different pixels is equal by chance at most once in 2^31, which is
where they differ in a sign alone; four of them, once in 2^124."""
WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int32}
"""Bytes of a number -> integers of the same bits; not of 64, where a sign would be 2^63 whatever its weight."""


def keep_features(trainer: Any) -> None:
    """Let the models of a trainer keep the features of images, each where its tower does not change; say where not.

    Raises:
        AnatomyR1Error: Weights are sharded: processes that skip the tower would leave the others waiting for it.
    """
    if trainer.is_fsdp_enabled or is_deepspeed_zero3_enabled():
        told = "kept_features_mb needs whole weights in each process, and they are sharded"
        raise AnatomyR1Error(f"{told}. Fix: kept_features_mb: 0, or another `launch.accelerate`, in the profile")
    budget = trainer.args.kept_features_mb * MEGABYTE
    reference = None if trainer.args.sync_ref_model else trainer.ref_model
    policy = trainer.model if frozen(trainer.model) else None
    if policy is None:
        reference = None if trainer.args.augment_image else reference
        only = "only the reference's features are kept" if reference is not None else "no features are kept"
        noise = " and images have noise" if trainer.args.augment_image else ""
        warnings.warn(f"kept_features_mb: the vision tower is trained{noise}, so {only}", stacklevel=2)
    fixed = [model for model in (policy, reference) if model is not None]
    shared = len(fixed) == 2 and same_tower(*fixed)
    kept = Kept[torch.Tensor](budget if shared or len(fixed) < 2 else budget // 2)
    for model in fixed:
        keep(model, kept)
        kept = kept if shared else Kept(kept.budget)


def _inner(model: Any) -> Any:
    """The part of a model that has a vision tower, `visual`."""
    return next(part for part in model.modules() if hasattr(part, "get_rope_index"))


def frozen(model: Any) -> bool:
    """Whether no weight of the vision tower is trained; an adapter in it is one of them."""
    return not any(weight.requires_grad for weight in _inner(model).visual.parameters())


def same_tower(one: Any, other: Any) -> bool:
    """Whether two models have equal vision towers."""
    weights = [dict(_inner(model).visual.state_dict()) for model in (one, other)]
    if weights[0].keys() != weights[1].keys():
        return False
    return all(
        found.dtype == weights[1][name].dtype and torch.equal(found, weights[1][name].to(found.device))
        for name, found in weights[0].items()
    )


def keep(model: Any, kept: Kept[torch.Tensor]) -> None:
    """Let a model look up the features of an image before it asks its vision tower."""
    inner = _inner(model)
    every = inner.get_image_features

    def features(pixel_values: torch.Tensor, image_grid_thw: torch.Tensor, **named: Any) -> Any:
        parts = torch.split(pixel_values, image_grid_thw.prod(-1).tolist())
        precision = _precision(pixel_values.device.type)
        keys = [
            (*fingerprint(part), *grid, precision) for part, grid in zip(parts, image_grid_thw.tolist(), strict=True)
        ]
        found: dict[Hashable, Any] = {}
        for place, key in enumerate(keys):
            if key not in found:
                found[key] = kept.get(key)
            if found[key] is None:
                found[key] = _alone(every, parts[place], image_grid_thw[place : place + 1], named)
                kept.put(key, found[key].cpu(), found[key].nbytes)
        return _together([found[key].to(pixel_values.device) for key in keys])

    inner.get_image_features = features


def _precision(device: str) -> tuple[bool, torch.dtype]:
    """In what the tower computes: training has autocast, where rollouts have none."""
    return torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)


def _alone(every: Any, pixels: torch.Tensor, grid: torch.Tensor, named: dict[str, Any]) -> torch.Tensor:
    """The features of one image, (1 + deep layers, tokens, width), as a tensor that a later loss may use: rollouts are
    made in inference mode.
    """
    with torch.inference_mode(False), torch.no_grad():
        found = every(pixels.clone(), grid.clone(), **named)
        return torch.stack([found.pooler_output[0], *deep_features(found)]).detach().clone()


def _together(features: list[torch.Tensor]) -> Any:
    """Features of several images, as `get_image_features` has them."""
    deep = [torch.cat([one[layer] for one in features]) for layer in range(1, len(features[0]))]
    return SimpleNamespace(pooler_output=tuple(one[0] for one in features), deepstack_features=deep)


def fingerprint(pixels: torch.Tensor) -> tuple[int, ...]:
    """Numbers that are equal for equal pixels: sums with random odd weights, in integers, on the pixels' own device.

    They stand for the pixels as a key: a hash of the bytes would need all of them in main memory.
    """
    words = pixels.detach().contiguous().view(WORDS[pixels.element_size()]).long()
    rows, columns = words.shape
    of_row, of_column = (weights.to(words.device) for weights in _weights(rows, columns))
    sums = [((words * column).sum(1) * row).sum() for row, column in zip(of_row, of_column, strict=True)]
    return tuple(torch.stack(sums).tolist())


@lru_cache(maxsize=64)
def _weights(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Odd numbers for each row and for each column, the same in every process."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randint(-(2**62), 2**62, (SUMS, size), generator=generator) for size in (rows, columns)]
    return drawn[0] * 2 + 1, drawn[1] * 2 + 1
