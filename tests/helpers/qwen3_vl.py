"""A tiny Qwen3-VL with random weights, of transformers' own classes, in the mini world: a stand-in for the hub's.

As in the hub's, deep features enter the first language layers, rotary positions are interleaved, heads are wider than
their share of the model, and patches have 16 pixels.
"""

from anatomy_r1.mini.tokenizer import build_tokenizer

PATCH, MERGE = 16, 2
SIDE = 3 * PATCH * MERGE
"""Nine image tokens, one for each cell of the mini world's images."""

THINKING = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}"
    "{%- set ns = namespace(text='') %}{%- if m.content is string %}{%- set ns.text = m.content %}{%- else %}"
    "{%- for c in m.content %}{%- if c.type == 'image' or 'image' in c %}"
    "{%- set ns.text = ns.text + '<|vision_start|><|image_pad|><|vision_end|>' %}"
    "{%- elif 'text' in c %}{%- set ns.text = ns.text + c.text %}{%- endif %}{%- endfor %}{%- endif %}"
    "{%- if m.role == 'assistant' %}{%- set thought = '' %}{%- set said = ns.text %}"
    "{%- if '</think>' in said %}{%- set thought = said.split('</think>')[0].split('<think>')[-1] %}"
    "{%- set said = said.split('</think>')[-1] %}{%- endif %}"
    "{{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + said.lstrip('\n') }}"
    "{%- else %}{{- ns.text }}{%- endif %}{{- '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %}"
)
"""Ours. As the template of the Thinking models, it opens the reasoning, and writes a turn's reasoning between tags."""


def instruct_template():
    """The published template of the Instruct models, which TRL has (Apache-2.0)."""
    from trl.chat_template_utils import qwen3_vl_chat_template

    return qwen3_vl_chat_template


def build_processor(*, thinking=False):
    """The real processor around the mini world's tokenizer."""
    from transformers import Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

    sides = {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": 2}
    pixels, grey = {"min_pixels": SIDE * SIDE, "max_pixels": SIDE * SIDE}, [0.5, 0.5, 0.5]
    image = Qwen2VLImageProcessor(**sides, **pixels, image_mean=grey, image_std=grey)
    template = THINKING if thinking else instruct_template()
    return Qwen3VLProcessor(image, build_tokenizer(), Qwen3VLVideoProcessor(**sides), chat_template=template)


def build_model(processor, seed=0):
    """Random weights in float32."""
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    token = processor.tokenizer.convert_tokens_to_ids
    ids = {"bos_token_id": token("<|endoftext|>"), "eos_token_id": token("<|im_end|>")}
    ids["pad_token_id"] = token("<|endoftext|>")
    text = {
        **{"hidden_size": 64, "head_dim": 32, "num_attention_heads": 4, "num_key_value_heads": 2},
        **{"num_hidden_layers": 4, "intermediate_size": 128, "vocab_size": len(processor.tokenizer), **ids},
        "rope_parameters": {
            **{"rope_type": "default", "rope_theta": 1000.0},
            **{"mrope_section": [6, 5, 5], "mrope_interleaved": True},
        },
    }
    vision = {
        **{"hidden_size": 48, "depth": 4, "num_heads": 4, "intermediate_size": 96, "out_hidden_size": 64},
        **{"patch_size": PATCH, "deepstack_visual_indexes": [1, 2], "num_position_embeddings": 64},
    }
    places = {f"{name}_token_id": token(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    places |= {"image_token_id": token("<|image_pad|>"), "video_token_id": token("<|video_pad|>")}
    config = Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **places)
    for part in (config, config.text_config, config.vision_config):
        part.initializer_range = 0.05
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.update(**ids)
    return model


def stand_in(folder, *, thinking=False):
    """Model and processor as `from_pretrained` reads them."""
    processor = build_processor(thinking=thinking)
    build_model(processor).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
