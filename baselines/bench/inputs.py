"""Inputs of the bench: random images, questions of realistic length, and random weights in the real architecture.

Nothing is downloaded. The tokenizer knows only the words of the prompts, one token each, which makes a prompt a tenth
shorter than Qwen's own vocabulary does (results/shapes/prompts.md). The model keeps its real vocabulary size, and so
the real cost of its logits.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatomy_r1.data.augmentation.groups import rewrites
from anatomy_r1.data.prepared import write
from anatomy_r1.files import atomic_folder
from anatomy_r1.mini.classes import ANATOMIES, POSITIONS
from anatomy_r1.prompts import render
from anatomy_r1.question import Question
from baselines.bench.cases import BENCHMARK, Case, model_entry
from baselines.preflight.memory import ARCHITECTURES

FRAME, MINI_FRAME = (854, 480), (84, 84)
"""Width and height of a frame in CholecT45 and in the mini world."""


def data_of(work: Path, case: Case) -> Path:
    """Folder of the case's prepared set."""
    return work / ("data-rehearsal" if case.rehearsal else "data")


def model_of(work: Path, case: Case) -> Path:
    """Folder of the case's model."""
    return work / f"model-{case.model}"


def prepared(work: Path, case: Case) -> bool:
    """Whether both exist."""
    return (data_of(work, case) / "manifest.json").is_file() and model_of(work, case).is_dir()


def prepare(work: Path, case: Case, device: str) -> None:
    """Make what does not exist: questions with images of coarse noise, about as hard to decode as a frame; a model."""
    import numpy as np
    from PIL import Image

    folder, size = data_of(work, case), MINI_FRAME if case.rehearsal else FRAME
    if not (folder / "manifest.json").is_file():
        asked, rng = questions(), np.random.default_rng(0)
        images = folder.with_name(f"{folder.name}-pictures")
        images.mkdir(parents=True, exist_ok=True)
        for one in asked:
            coarse = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize(size).save(images / one.image)
        write(folder, {"train": asked}, images, {"benchmark": BENCHMARK, "generated": True, "seed": 0})
    if not model_of(work, case).is_dir():
        write_model(model_of(work, case), case, device)


def questions() -> list[Question]:
    """Questions of one family, with four options each."""
    found = []
    for number in range(64):
        turned = [ANATOMIES[(number + i) % len(ANATOMIES)] for i in range(4)]
        stem = f"What anatomy is at the {POSITIONS[number % len(POSITIONS)]} of the frame ?"
        about = {"category": turned[0], "cluster": "VID01", "family": "location"}
        about["rationale"] = f"The {turned[0]} is there ."
        found.append(Question(f"q{number}", BENCHMARK, stem, tuple(turned), turned[0], f"{number}.png", **about))
    return found


def write_model(folder: Path, case: Case, device: str) -> None:
    """Random weights, made on `device` (the fastest place), and their processor; written atomically."""
    if case.rehearsal:
        from anatomy_r1.mini.architecture import build_model

        size = MINI_FRAME[0] * MINI_FRAME[1]
        processor = build_processor((size, size))
        model = build_model("mini-l", processor)
    else:
        import torch
        from transformers import AutoModelForImageTextToText

        entry = model_entry(case)
        processor = build_processor((entry["pixels"]["min"], entry["pixels"]["max"]))
        tokenizer, raw = processor.tokenizer, ARCHITECTURES / f"{str(entry['hub']).rpartition('/')[2]}.json"
        torch.manual_seed(0)
        config = model_config(json.loads(raw.read_text()), tokenizer)
        with torch.device(device):
            model = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
        ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
        model.generation_config.update(**ids, bos_token_id=tokenizer.pad_token_id)
    with atomic_folder(folder) as new:
        model.save_pretrained(new)
        processor.save_pretrained(new)


def model_config(raw: dict[str, Any], tokenizer: Any) -> Any:
    """The model's own configuration with this tokenizer's special tokens; nothing that affects cost changes."""
    from transformers import AutoConfig

    config = AutoConfig.for_model(**raw)
    named = {"image_token_id": "image_pad", "video_token_id": "video_pad"}
    named |= {"vision_start_token_id": "vision_start", "vision_end_token_id": "vision_end"}
    for key, token in named.items():
        setattr(config, key, tokenizer.convert_tokens_to_ids(f"<|{token}|>"))
    for part in (config, config.text_config):
        part.eos_token_id, part.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
        part.bos_token_id = tokenizer.pad_token_id
    return config


def build_processor(pixels: tuple[int, int]) -> Any:
    """The real `Qwen2_5_VLProcessor` with a tokenizer for the prompts; `pixels` are the fewest and most per image."""
    from transformers import Qwen2_5_VLProcessor
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    from anatomy_r1.mini.tokenizer import CHAT_TEMPLATE

    limits = {"min_pixels": pixels[0], "max_pixels": pixels[1], "patch_size": 14, "merge_size": 2}
    image, video = Qwen2VLImageProcessor(**limits), Qwen2VLVideoProcessor(**limits)
    return Qwen2_5_VLProcessor(image, _tokenizer(), video, chat_template=CHAT_TEMPLATE)


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from anatomy_r1.mini.tokenizer import CHAT_TEMPLATE, SPECIAL

    words = sorted({word for text in _texts() for word in text.split()} | {"user", "assistant", "system"})
    known = {word: number for number, word in enumerate([*SPECIAL, "<unk>", *words])}
    inner = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in SPECIAL])
    names = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": "<unk>"}
    extra = ["<|im_start|>", *SPECIAL[3:]]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, extra_special_tokens=extra, padding_side="left", model_max_length=32_768, **names
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _texts() -> list[str]:
    """Every prompt that can occur, GDQA's rewrites included."""
    return [render(replace(one, stem=stem), "think") for one in questions() for stem in (one.stem, *rewrites(one.stem))]


def forbidden(tokenizer: Any) -> list[int]:
    """Tokens that must not be sampled: an image token in a completion would refer to an image that does not exist."""
    from anatomy_r1.mini.tokenizer import SPECIAL

    markers = [one for one in SPECIAL if one.startswith(("<|vision", "<|image", "<|video"))]
    return [int(one) for one in tokenizer.convert_tokens_to_ids(markers)]
