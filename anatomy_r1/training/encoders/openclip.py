"""Text towers in open_clip's format, such as `microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224`.

A folder holds `open_clip_config.json`, the weights as safetensors and, if the text tower is a transformers model, the
tokenizer's files. Such a tower's own configuration (`config.json`) is read from the folder if it is there, else from
the hub's cache.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import identity_of
from anatomy_r1.training.encoders.encoder import TextEncoder

NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
"""File names of weights, in the order in which open_clip looks for them."""
TOKENIZER_FILES = (
    "open_clip_config.json",
    "config.json",
    "vocab.*",
    "merges.txt",
    "tokenizer*.json",
    "special_tok*.json",
)


def open_clip_encoder(folder: Path) -> TextEncoder:
    """The text encoder of an open_clip model.

    Raises:
        AnatomyR1Error: when open_clip is missing, or the folder is not in its format or has no safetensors weights.
    """
    try:
        import open_clip
        import torch
    except ImportError as error:
        raise AnatomyR1Error("open_clip is missing. Fix: pip install 'anatomy-r1[train]'") from error
    config, weights = _config(folder), _weights(folder)
    source = f"local-dir:{folder}"
    try:
        model = open_clip.create_model(source, pretrained_text=False, text_cfg=_text_config(folder, config)).eval()
        tokenizer = open_clip.get_tokenizer(source)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        fix = "Fix: put the text tower's config.json and tokenizer into the folder"
        raise AnatomyR1Error(f"{folder}: open_clip cannot load it ({str(error)[:300]}). {fix}") from error

    def encode(text: str) -> Sequence[float]:
        with torch.inference_mode():
            return list(model.encode_text(tokenizer([text]), normalize=True)[0].float().tolist())

    files = [path for pattern in TOKENIZER_FILES for path in folder.glob(pattern)]
    identity = {"weights": identity_of([weights]), "tokenizer": identity_of(files)}
    return TextEncoder(f"open_clip {_name(config)}".strip(), identity, encode)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "open_clip_config.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["model_cfg"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnatomyR1Error(f"{path}: no configuration of open_clip ({type(error).__name__}: {error})") from error


def _weights(folder: Path) -> Path:
    """Require safetensors: without them, open_clip would load a pickle."""
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    fix = f"Fix: anatomy-r1 similarity convert {folder}/open_clip_pytorch_model.bin {folder}/{NAMES[0]}"
    raise AnatomyR1Error(f"{folder}: none of {', '.join(NAMES)}. {fix}")


def _text_config(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    text = dict(config["text_cfg"])
    if "hf_model_name" in text:
        text["hf_model_pretrained"] = False  # its weights are in the checkpoint
        if (folder / "config.json").is_file():
            text["hf_model_name"] = str(folder)
    return text


def _name(config: dict[str, Any]) -> str:
    text = config["text_cfg"]
    return str(text.get("hf_model_name", f"text tower of width {text.get('width')}"))
