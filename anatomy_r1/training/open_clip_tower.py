"""Text towers in open_clip's format, built by open_clip itself from a configuration that was checked first.

open_clip 3.3.0 stops at an unknown key with a TypeError, no longer knows its former names `proj` and `pooler_type`, and
wants `model_cfg` around the configuration, which the files of its own model_configs lack. Both other forms are read
here, and an unknown key is named; the model and the loading of its weights are open_clip's.

Example:
    >>> encoder = open_clip_encoder(Path("BiomedCLIP"))                                       # doctest: +SKIP
    >>> write_similarities(encoder, ["Liver", "Gut"], Path("similarity/biomedclip.json"))     # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import identity_of
from anatomy_r1.training.encoders import TextEncoder, tensors
from anatomy_r1.training.tokens import TokenIds, check_vocabulary, ids_of, load_tokenizer

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
"""File names of weights, in the order in which open_clip looks for them."""
FILES = ("open_clip_config.json", "config.json", "vocab.*", "merges.txt", "tokenizer*.json", "special_tok*.json")
"""Patterns of the files that determine a vector besides the weights."""
NEEDED = {"embed_dim": int, "vision_cfg": dict, "text_cfg": dict}
OPTIONAL = (
    "quick_gelu", "custom_text", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale", "multimodal_cfg",
)  # fmt: skip
"""Keys of a model's configuration."""
FORMER = {"proj": "hf_proj_type", "pooler_type": "hf_pooler_type"}
"""Former key of a transformers text tower -> its name in open_clip 3.3.0."""
CHOICES = {
    "hf_proj_type": ("linear", "mlp", None),
    "hf_pooler_type": ("mean_pooler", "cls_pooler", "cls_last_hidden_state_pooler", None),
}
"""What open_clip 3.3.0 can run; its `max_pooler` cannot mask with the integers that it is given."""
POSITIONS = ("positional_embedding", "text.positional_embedding")


def open_clip_encoder(folder: Path) -> TextEncoder:
    """A text tower in open_clip's format, such as `microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224`.

    A folder holds `open_clip_config.json`, the weights as safetensors and, if the text tower is a transformers model,
    the tokenizer's files. Such a tower's own configuration (`config.json`) is read from the folder if it is there, else
    from the hub's cache.

    Raises:
        AnatomyR1Error: A file is missing or damaged, the configuration has an unknown key or value, or the weights are
            not those of the model.
    """
    try:
        import open_clip  # noqa: F401
        import torch
    except ImportError as error:
        raise AnatomyR1Error("open_clip is missing. Fix: pip install 'anatomy-r1[train]'") from error
    config, weights = read_config(folder / "open_clip_config.json"), _weights(folder)
    text = config["text_cfg"]
    tokenizer, token_ids, known = _tokenizer(folder, text)
    model = _model(folder, config, weights)
    check_vocabulary(known, getattr(model, "text", model).vocab_size, folder)

    def encode(one: str) -> Sequence[float]:
        with torch.inference_mode():
            return list(model.encode_text(tokenizer([one]), normalize=True)[0].float().tolist())

    try:
        encode("trial")
    except Exception as error:  # lengths and widths that do not fit appear only here
        raise _unfit(folder, error) from error
    files = [path for pattern in FILES for path in folder.glob(pattern)]
    identity = {"weights": identity_of([weights]), "tokenizer": identity_of(files)}
    name = text.get("hf_model_name", f"text tower of width {text.get('width')}")
    return TextEncoder(f"open_clip {name}".strip(), identity, encode, token_ids)


def read_config(path: Path) -> dict[str, Any]:
    """The model's configuration, with `model_cfg` around it or without, in open_clip 3.3.0's names."""
    from open_clip import CLIPTextCfg, CLIPVisionCfg

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        fix = "copy open_clip_config.json of the model"
        raise AnatomyR1Error(f"{path}: no configuration of open_clip ({error}). Fix: {fix}") from error
    flat = not isinstance(content, dict) or "model_cfg" not in content
    where, found = (f"{path}", content) if flat else (f"{path}: model_cfg", content["model_cfg"])
    config = _keys(found, where, {*NEEDED, *OPTIONAL} | ({"preprocess_cfg"} if flat else set()))
    config.pop("preprocess_cfg", None)
    for key, kind in NEEDED.items():
        if not isinstance(config.get(key), kind) or config[key] is True:
            raise _error(where, f"{key} should be {kind.__name__}, found {config.get(key, 'no such key')!r}")
    text = _renamed(config["text_cfg"], f"{where}: text_cfg")
    config["text_cfg"] = _keys(text, f"{where}: text_cfg", {field.name for field in fields(CLIPTextCfg)})
    _keys(config["vision_cfg"], f"{where}: vision_cfg", {field.name for field in fields(CLIPVisionCfg)})
    for key, allowed in CHOICES.items():
        if text.get(key) not in allowed and "hf_model_name" in text:
            raise _error(f"{where}: text_cfg", f"{key} should be one of {allowed}, found {text[key]!r}")
    if not isinstance(text.get("context_length", 77), int) or not 3 <= text.get("context_length", 77) <= 1 << 16:
        raise _error(f"{where}: text_cfg", f"context_length should be 3 or more, found {text['context_length']!r}")
    return config


def _renamed(text: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A transformers tower's configuration under the names of today."""
    if "hf_model_name" not in text:
        return dict(text)
    for old, new in FORMER.items():
        if old in text and new in text:
            raise _error(where, f"{old} and {new} say the same thing twice")
    return {FORMER.get(key, key): value for key, value in text.items()}


def _keys(found: Any, where: str, known: Collection[str]) -> dict[str, Any]:
    """A JSON object with known keys only."""
    if not isinstance(found, dict):
        raise _error(where, f"should be an object, found {str(found)[:40]!r}")
    for key in found:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
            raise _error(where, f"unknown key {key!r} ({hint})")
    return dict(found)


def _error(where: str, what: str) -> AnatomyR1Error:
    return AnatomyR1Error(f"{where}: {what}. Fix: write it as open_clip 3.3.0 does, or copy the model's own file")


def _weights(folder: Path) -> Path:
    """Require safetensors: open_clip would load a pickle."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    fix = f"Fix: anatomy-r1 similarity convert {folder}/open_clip_pytorch_model.bin {folder}/{WEIGHTS[0]}"
    raise AnatomyR1Error(f"{folder}: none of {', '.join(WEIGHTS)}. {fix}")


def _model(folder: Path, config: Mapping[str, Any], weights: Path) -> Any:
    """The model of the class that open_clip would choose, with every weight from the file."""
    import open_clip

    text, vision = dict(config["text_cfg"]), {**config["vision_cfg"], "timm_model_pretrained": False}
    if "hf_model_name" in text:
        text["hf_model_pretrained"] = False  # its weights are in the checkpoint
        if (folder / "config.json").is_file():
            text["hf_model_name"] = str(folder)
    kept = {key: value for key, value in config.items() if key != "custom_text"}
    custom = config.get("custom_text") or "hf_model_name" in text
    kind = (open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP) if custom else open_clip.CLIP
    _check_positions(weights, text)
    try:
        model = kind(**{**kept, "text_cfg": text, "vision_cfg": vision}).eval()
        open_clip.load_checkpoint(model, str(weights), strict=True)
    except Exception as error:  # the configuration's values reach transformers, timm and PyTorch unchecked
        raise _unfit(folder, error) from error
    return model


def _tokenizer(folder: Path, text: Mapping[str, Any]) -> tuple[Any, Callable[[str], TokenIds], int]:
    """Texts -> what the tower takes, one text -> its ids, and the size of the vocabulary.

    A transformers tower reads with the folder's tokenizer even if `hf_tokenizer_name` is missing, where open_clip would
    hand it the ids of CLIP's (ours).
    """
    from open_clip import SimpleTokenizer
    from open_clip.tokenizer import HFTokenizer

    length, options = text.get("context_length", 77), text.get("tokenizer_kwargs") or {}
    foreign = text.get("hf_tokenizer_name") or "hf_model_name" in text
    if foreign:
        load_tokenizer(folder)
    try:
        if not foreign:
            own = SimpleTokenizer(context_length=length, **options)
            return own, lambda one: tuple(own.encode(one)[: length - 2]), own.vocab_size
        wrapped = HFTokenizer(str(folder), length, tokenizer_mode=text.get("tokenizer_mode"), **options)
    except Exception as error:
        raise _unfit(folder, error) from error
    tokenizer = wrapped.tokenizer
    return wrapped, lambda one: ids_of(tokenizer, wrapped.clean_fn(one), length), len(tokenizer)


def _unfit(folder: Path, error: Exception) -> AnatomyR1Error:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:400]
    fix = "put the text tower's config.json into the folder, and the weights that belong to open_clip_config.json"
    return AnatomyR1Error(f"{folder}: open_clip cannot load it ({reason}). Fix: {fix}")


def _check_positions(weights: Path, text: Mapping[str, Any]) -> None:
    """Refuse positions for texts of another length, which open_clip would silently interpolate."""
    if "hf_model_name" in text:
        return
    wanted = text.get("context_length", 77) + bool(text.get("embed_cls"))
    for name, value in tensors(weights).items():
        if name.removeprefix("module.") in POSITIONS and len(value) != wanted:
            raise AnatomyR1Error(
                f"{weights}: {name} is for texts of {len(value)} tokens, but the configuration says {wanted}. "
                "Fix: correct text_cfg.context_length in open_clip_config.json"
            )
