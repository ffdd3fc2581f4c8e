"""A tiny `Qwen2_5_VLForConditionalGeneration` with the real processor: the same classes as the paper's model.

Attention priors at initialisation make in-context lookup learnable in a minute of CPU: previous-token heads in the
first layer (through the query and key biases) and same-token-matching heads above (query weights = key weights).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from anatomy_r1.mini.atlas import SIZE
from anatomy_r1.mini.tokenizer import CHAT_TEMPLATE, build_tokenizer

Size = Literal["mini-s", "mini-l"]
PATCH, MERGE = 14, 2
IMAGE_TOKENS = (SIZE // (PATCH * MERGE)) ** 2
"""Nine: one for each cell."""
HEADS, KEY_HEADS = 4, 2
INIT_RANGE = 0.05


@dataclass(frozen=True)
class Shape:
    """Widths and depths."""

    width: int = 96
    layers: int = 6
    feed_forward: int = 256
    vision_width: int = 64
    vision_layers: int = 2


SHAPES: dict[Size, Shape] = {"mini-l": Shape(), "mini-s": Shape(feed_forward=160, vision_width=48)}
"""`mini-l` stands where the paper has its 7B model, `mini-s` where it has 3B."""


def build_processor(*, rewrites: bool = False) -> Any:
    """The real `Qwen2_5_VLProcessor` around the tiny tokenizer, fixed to images of SIZE×SIZE pixels.

    With `rewrites` the tokenizer knows every accepted wording of a question.
    """
    from transformers import Qwen2_5_VLProcessor
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    pixels = SIZE * SIZE
    common: dict[str, int] = {"min_pixels": pixels, "max_pixels": pixels, "patch_size": PATCH, "merge_size": MERGE}
    image = Qwen2VLImageProcessor(temporal_patch_size=2, **common)
    video = Qwen2VLVideoProcessor(temporal_patch_size=2, **common)
    return Qwen2_5_VLProcessor(image, build_tokenizer(rewrites=rewrites), video, chat_template=CHAT_TEMPLATE)


def build_model(size: Size, processor: Any, seed: int = 0) -> Any:
    """An untrained model with the attention priors, in fp32."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(seed)
    config = _config(SHAPES[size], processor.tokenizer)
    model = Qwen2_5_VLForConditionalGeneration(config)
    with torch.no_grad():
        _lay_priors(model)
    ids = _special_ids(processor.tokenizer)
    model.generation_config.update(eos_token_id=ids["end"], pad_token_id=ids["pad"], bos_token_id=ids["pad"])
    return model


def _special_ids(tokenizer: Any) -> dict[str, int]:
    return {
        "end": tokenizer.convert_tokens_to_ids("<|im_end|>"),
        "pad": tokenizer.convert_tokens_to_ids("<|endoftext|>"),
    }


def _config(shape: Shape, tokenizer: Any) -> Any:
    from transformers import Qwen2_5_VLConfig

    token = tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config=_text_config(shape, tokenizer),
        vision_config={
            "hidden_size": shape.vision_width,
            "out_hidden_size": shape.width,
            "depth": shape.vision_layers,
            "num_heads": 4,
            "intermediate_size": shape.vision_width * 2,
            "patch_size": PATCH,
            "fullatt_block_indexes": list(range(shape.vision_layers)),
            "window_size": SIZE,
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    for part in (config, config.text_config, config.vision_config):
        part.initializer_range = INIT_RANGE
    return config


def _text_config(shape: Shape, tokenizer: Any) -> dict[str, Any]:
    ids = _special_ids(tokenizer)
    return {
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "intermediate_size": shape.feed_forward,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "bos_token_id": ids["pad"],
        "eos_token_id": ids["end"],
        "pad_token_id": ids["pad"],
        "rope_parameters": {"rope_type": "default", "mrope_section": _rope_sections(shape), "rope_theta": 1000.0},
    }


def _rope_sections(shape: Shape) -> list[int]:
    """How the rotary frequencies are shared between time, height and width: about 1/4, 3/8, 3/8."""
    half = shape.width // HEADS // 2
    time = half // 4
    height = (half - time) // 2
    return [time, height, half - time - height]


def _lay_priors(model: Any, sharpness: float = 5.0, match: float = 2.0) -> None:
    """Sets the attention priors in place. All factors are our choice, found by trying."""
    language = model.model.language_model
    language.embed_tokens.weight *= 2
    for index, layer in enumerate(language.layers):
        layer.self_attn.o_proj.weight *= 0.2
        layer.mlp.down_proj.weight *= 0.2
        if index == 0:
            _previous_token_heads(layer.self_attn, language.rotary_emb.inv_freq.float(), sharpness)
        else:
            _matching_heads(layer.self_attn, match)


def _previous_token_heads(attention: Any, frequencies: Any, sharpness: float) -> None:
    """Query heads 0 and 1 look one and two tokens back: a rotation of the key bias by that distance."""
    half = len(frequencies)
    wide = 2 * half
    fast = (frequencies > 0.05).float()
    for head, distance in ((0, 1.0), (1, 2.0)):
        start = head * wide
        attention.q_proj.bias[start : start + half] = sharpness * fast * (-frequencies * distance).cos()
        attention.q_proj.bias[start + half : start + wide] = sharpness * fast * (-frequencies * distance).sin()
    attention.k_proj.bias[:half] = sharpness * fast
    attention.k_proj.bias[half:wide] = 0


def _matching_heads(attention: Any, match: float) -> None:
    """The query heads of key head 0 attend to tokens like their own."""
    wide = attention.head_dim
    attention.k_proj.weight[:wide] *= match
    for head in range(math.floor(HEADS / KEY_HEADS)):
        attention.q_proj.weight[head * wide : (head + 1) * wide] = attention.k_proj.weight[:wide]


def save(model: Any, processor: Any, folder: Any) -> None:
    """Writes weights (safetensors), configuration and processor as `from_pretrained` reads them."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
