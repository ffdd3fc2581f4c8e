"""Log-probabilities of shared rows (shared_prefix.py) from a model with TRL's fused head, in TRL's own form.

What is relied on in TRL 1.16.0 and transformers 5.17.0, which tests/baselines/trainers/test_trl_shape.py checks: the
arguments and the result of `GRPOTrainer._get_per_token_logps_and_entropies`, the head's `shift_labels`, the model's
`get_rope_index` and `get_image_features`, and that a mask of four dimensions reaches the attention as it is.

Qwen3-VL needs nothing more: it adds deep image features to hidden states where an image token stands, and interleaves
the rotary positions that it is given.
"""

from __future__ import annotations

from typing import Any

import torch

from anatomy_r1.errors import AnatomyR1Error
from baselines.trainers.shared_prefix import (
    Groups,
    Packed,
    Rows,
    as_bias,
    distinct_images,
    groups_of,
    pack,
    positions,
    rows_of,
    visible,
)

MODELS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
"""Model types that are known to work: multimodal positions, and text attention that is causal everywhere."""
ATTENTIONS = ("sdpa", "eager")
"""Attention implementations that take a mask of four dimensions."""
NAMES = {"mm_token_type_ids": "types", "pixel_values": "pixels", "image_grid_thw": "grid", "num_images": "images"}
"""TRL's argument -> ours."""
Found = tuple[torch.Tensor, torch.Tensor | None, None]
"""What TRL's method returns: log-probabilities and entropies (B, C), and the auxiliary loss of mixtures of experts,
which no supported model has."""


def unsupported(model: Any, attention: str) -> str:
    """Why rows cannot be shared with this model under this attention implementation; empty if they can."""
    text = model.config.get_text_config()
    if model.config.model_type not in MODELS:
        return f"is known to work with {', '.join(MODELS)}, not with {model.config.model_type}"
    if attention not in ATTENTIONS:
        return f"needs a mask of four dimensions, which attention {attention} does not take: write attention: sdpa"
    if set(getattr(text, "layer_types", None) or ["full_attention"]) != {"full_attention"}:
        return "does not know sliding windows, which this model's attention has"
    rates = [part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)]
    if any([*rates, text.attention_dropout]):
        return "would drop the same units for a whole group: set lora_dropout and attention_dropout to 0"
    return ""


def check_model(model: Any) -> None:
    """Refuse a model whose rows cannot be shared, before it trains.

    Raises:
        AnatomyR1Error: `unsupported`, with the fix.
    """
    if problem := unsupported(model, attention_of(model)):
        raise AnatomyR1Error(f"shared_prefix {problem}. Fix: that, or shared_prefix: false in the profile")


def without_graph(model: Any) -> None:
    """Let a frozen vision tower run without a graph, which changes no gradient.

    It has one where adapters are trained with gradient checkpointing: TRL then calls `enable_input_require_grads`,
    which transformers 5.17.0 applies to the patches too, and every step goes back through the whole tower for nothing.
    """
    tower = next((part.visual for part in model.modules() if hasattr(part, "get_rope_index")), None)
    if tower is not None and not any(weight.requires_grad for weight in tower.parameters()):
        tower.forward = torch.no_grad()(tower.forward)


def share_images(model: Any) -> None:
    """Let the vision tower of a model run once for each distinct image of a call, whatever the rows are."""
    inner = next(part for part in model.modules() if hasattr(part, "get_rope_index"))
    every = inner.get_image_features

    def distinct(pixel_values: torch.Tensor, image_grid_thw: torch.Tensor, **named: Any) -> Any:
        first, kinds = distinct_images(pixel_values, image_grid_thw)
        if len(first) < len(kinds):
            parts = torch.split(pixel_values, image_grid_thw.prod(-1).tolist())
            pixel_values, image_grid_thw = torch.cat([parts[one] for one in first]), image_grid_thw[first]
        found = every(pixel_values, image_grid_thw, **named)
        sizes = [len(one) for one in found.pooler_output]
        found.pooler_output = tuple(found.pooler_output[kind] for kind in kinds)
        if deep_features(found):  # those of all images in a row, a tensor for each layer
            parts_of = [torch.split(layer, sizes) for layer in found.deepstack_features]
            found.deepstack_features = [torch.cat([parts[kind] for kind in kinds]) for parts in parts_of]
        return found

    inner.get_image_features = distinct


def deep_features(found: Any) -> list[torch.Tensor]:
    """What Qwen3-VL's vision tower also gives of its images: features that its first language layers add to theirs."""
    return list(getattr(found, "deepstack_features", None) or ())


def attention_of(model: Any) -> str:
    """The attention implementation of the text model."""
    return str(model.config.get_text_config()._attn_implementation)


def from_shared_rows(
    trainer: Any, model: Any, ids: Any, mask: Any, kept: int, *, batch_size: int | None = None, **named: Any
) -> Found | None:
    """`trainer._get_per_token_logps_and_entropies`, from one row for each prompt and image; None if no two rows share.

    Raises:
        AnatomyR1Error: TRL passes something that shared rows do not know.
    """
    entropy, experts = named.pop("compute_entropy", False), named.pop("compute_aux_loss", False)
    given = {key: value for key, value in named.items() if value is not None}
    if experts or (unknown := sorted(given.keys() - NAMES)):
        told = "the loss of a mixture of experts" if experts else ", ".join(unknown)
        raise AnatomyR1Error(f"shared_prefix does not know {told}. Fix: shared_prefix: false in the profile")
    rows = rows_of(ids, mask, kept, **{NAMES[key]: value for key, value in given.items()})
    size = batch_size or len(ids)
    parts = [(part, groups_of(part)) for i in range(0, len(ids), size) for part in [rows.part(i, i + size)]]
    if all(len(groups) == len(part.ids) for part, groups in parts):
        return None
    inner = trainer.accelerator.unwrap_model(model)
    with trainer.accelerator.autocast():
        found = [scores(model, inner, part, groups) for part, groups in parts]
    return torch.cat([one for one, _ in found]), torch.cat([one for _, one in found]) if entropy else None, None


def scores(model: Any, inner: Any, rows: Rows, groups: Groups) -> tuple[torch.Tensor, Any]:
    """Log-probability of each completion token (B, C), and its entropy if the head computes it.

    `model` is called; `inner` is the same without the wrapper of several processes.
    """
    packed = pack(rows, groups)
    out = model(**model_inputs(inner, packed), fused_lm_head=True)
    return packed.unpack(out.log_probs), None if out.entropy is None else packed.unpack(out.entropy)


def model_inputs(model: Any, packed: Packed) -> dict[str, Any]:
    """Arguments of the model's forward."""
    seen = visible(packed.owner)
    given = {
        "input_ids": packed.ids,
        "attention_mask": seen if attention_of(model) == "sdpa" else as_bias(seen, _precision(model)),
        "position_ids": positions(packed, _prompt_positions(model, packed)),
        "shift_labels": packed.labels,
        "mm_token_type_ids": packed.types,
        "pixel_values": packed.pixels,
        "image_grid_thw": packed.grid,
    }
    return {key: value for key, value in given.items() if value is not None}


def _precision(model: Any) -> torch.dtype:
    found: torch.dtype = next(weight.dtype for weight in model.parameters() if weight.is_floating_point())
    return found


def _prompt_positions(model: Any, packed: Packed) -> torch.Tensor:
    """(3, K, P): the model's own multimodal positions of the prompts; without images, the number of the token."""
    if packed.grid is None or packed.types is None:
        return torch.arange(packed.prompt.size(1), device=packed.prompt.device).expand(3, len(packed.prompt), -1)
    inner = next(part for part in model.modules() if hasattr(part, "get_rope_index"))
    found: torch.Tensor = inner.get_rope_index(
        packed.prompt,
        mm_token_type_ids=packed.prompt_types,
        image_grid_thw=packed.grid,
        attention_mask=packed.prompt_mask,
    )[0]
    return found
