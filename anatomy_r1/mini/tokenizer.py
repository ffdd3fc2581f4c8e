"""The tiny base's word-level tokenizer.

An instruction of the prompts, kept verbatim, is one token, and so is every name that can stand as an option: a prompt
is then about 45 tokens long. Words that it does not know become `<unk>`.
"""

from __future__ import annotations

import re
from typing import Any

from anatomy_r1.mini.ask import NOUNS
from anatomy_r1.mini.classes import (
    ANATOMIES,
    COLORS,
    DIAGNOSES,
    HEALTH,
    MODALITIES,
    MODALITY_TYPE,
    POSITIONS,
    QUESTION_TYPES,
    STAINS,
    TEXTURES,
    TISSUES,
    TOOL_COLORS,
    TOOLS,
    label,
)
from anatomy_r1.mini.microscopy import HEALTH_STEM, STEMS
from anatomy_r1.mini.phrasing import rewrite_words
from anatomy_r1.prompts import WORDINGS

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
OPTION_MARKS = ("A.", "B.", "C.", "D.")
NAMES = (*ANATOMIES, *TISSUES, *DIAGNOSES, *STAINS, *MODALITIES, *HEALTH, MODALITY_TYPE, *QUESTION_TYPES)
"""Names of several words, one token each."""
WORD = r"[A-Za-z_\-]+|[^\sA-Za-z_\-]"

GRAMMAR = """
user assistant system You are a helpful assistant . Question : Anatomy Options : A B C D What anatomy is at the of the
frame ? What is the name of the left of right of above below that within and both on side to which Which colour color
texture option region shows Describe looks like so , ; There it its has there are any How many instruments instrument
what its name a an in this image picture photograph seen shown can be see was used Is it
"""
PARAPHRASE = """
lower upper middle center centre top bottom mid left-hand right-hand corner part located lies found visible structure
organ Identify identify Name Tell me please Look view scene displayed depicted here appears under over beneath next
beside directly horizontal vertical none blue cystic plate abdominal wall cavity cystic_duct cystic_artery
blood_vessel peritoneum cystic_pedicle specimenbag clipper irrigator bipolar tissue cells cell type diagnosis condition
disease modality imaging technique method obtain capture stain staining
"""
"""Words beyond the world's own questions, so that rewritten questions need no `<unk>`."""

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' or 'image' in c %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in c %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen2.5-VL's turn markup, without its default system turn."""


def instructions() -> list[str]:
    """Every instruction of the prompts, in both styles."""
    return sorted({text for wording in WORDINGS.values() for text in (wording.think, wording.direct)})


def vocabulary(*, rewrites: bool = False) -> list[str]:
    """Single words and signs, sorted; with `rewrites` those of every accepted wording of a question."""
    stems = [stem for wordings in STEMS.values() for stem in wordings]
    lists = (POSITIONS, COLORS, TEXTURES, TOOLS, TOOL_COLORS, NOUNS, [label(name) for name in ANATOMIES], stems)
    text = " ".join([GRAMMAR, PARAPHRASE, HEALTH_STEM, *(" ".join(words) for words in lists), "0 1 2 3 4 5 6 7 8 9"])
    text += f" {rewrite_words()}" if rewrites else ""
    return sorted(set(re.findall(WORD, text)))


def build_tokenizer(*, rewrites: bool = False) -> Any:
    """A `PreTrainedTokenizerFast` that pads on the left and has the chat template; `rewrites` as in `vocabulary`."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate([*SPECIAL, "<unk>", *vocabulary(rewrites=rewrites)])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    split = pre_tokenizers.Split(Regex(WORD), "removed", invert=True)
    inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), split])
    inner.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    pieces = (*TAGS, *instructions(), *OPTION_MARKS, *NAMES)
    inner.add_tokens([AddedToken(piece, normalized=False, lstrip=True, rstrip=True) for piece in pieces])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<unk>",
        extra_special_tokens=["<|im_start|>", *SPECIAL[3:]],
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
