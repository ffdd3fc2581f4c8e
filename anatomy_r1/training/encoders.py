"""Text encoders for S(q): option texts in, one vector each out, and the file of similarities computed with them.

Each text is encoded alone: an encoder that averages over padding would give it another vector in a batch with longer
texts. The paper states no wording for the texts; ours is the option alone, and the file records the wording used.

Weights are read from safetensors only. MedCLIP and BiomedCLIP are published as PyTorch files, which are pickles;
`anatomy-r1 similarity convert` converts them once, with PyTorch's `weights_only` loader, which runs no code from them.

Example:
    >>> encoder = medclip(Path("medclip/model.safetensors"), Path("Bio_ClinicalBERT"))        # doctest: +SKIP
    >>> write_similarities(encoder, ["Liver", "Gut"], Path("similarity/medclip.json"))        # doctest: +SKIP
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_file, identity_of, write_output
from anatomy_r1.training.similarity import Similarity, from_vectors

MAX_TOKENS = 77  # as in MedCLIP's processor
STATES = (1, 2, -1)
"""Indices of the hidden states that MedCLIP averages; 0 would be the embeddings."""
BERT, PROJECTION = "text_model.model.", "text_model.projection_head.weight"
"""Tensor names in MedCLIP's checkpoint."""
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
"""File names of weights, in the order in which open_clip looks for them."""
MEDCLIP_FILES = ("config.json", "vocab.txt", "tokenizer*.json", "special_tokens_map.json")
OPEN_CLIP_FILES = (
    "open_clip_config.json", "config.json", "vocab.*", "merges.txt", "tokenizer*.json", "special_tok*.json",
)  # fmt: skip
"""Patterns of the files that determine a vector besides the weights."""


@dataclass(frozen=True)
class TextEncoder:
    """A text encoder with its weights."""

    name: str
    """Readable name, such as `MedCLIP text tower`."""
    identity: Mapping[str, str]
    """What determines a vector: SHA-256 of weights, configuration and tokenizer files, 16 hex digits each."""
    encode: Callable[[str], Sequence[float]]
    """One text -> its vector, of any length."""


def write_similarities(encoder: TextEncoder, names: Sequence[str], path: Path, wording: str = "{}") -> Similarity:
    """Compute eq. 3 for every pair of `names` and write the file that `read_similarity` reads.

    `wording` is what is encoded, with one `{}` for the option.
    """
    if not names:
        raise AnatomyR1Error("no option texts to encode. Fix: name a prepared set that has questions")
    if wording.count("{}") != 1:
        fix = "write it as in 'a photo of the {}'"
        raise AnatomyR1Error(f"wording {wording!r}: needs one {{}} for the option. Fix: {fix}")
    vectors = {name: list(encoder.encode(wording.replace("{}", name))) for name in dict.fromkeys(names)}
    marked = " ".join([encoder.name, *(f"{part} {value}" for part, value in sorted(encoder.identity.items()))])
    similarity = from_vectors(vectors, f"{marked}, wording {wording!r}")
    content = {
        "encoder": similarity.encoder,
        "identity": dict(encoder.identity),
        "wording": wording,
        "names": similarity.names,
        "matrix": [[round(value, 8) for value in row] for row in similarity.matrix],
    }
    write_output(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return similarity


def convert(source: Path, target: Path) -> int:
    """Convert a PyTorch state dict to safetensors, tensors unchanged; returns their number."""
    import torch
    from safetensors.torch import save_file

    if target.exists():
        raise AnatomyR1Error(f"{target}: exists already. Fix: name a new file")
    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise AnatomyR1Error(f"{source}: not a file of tensors only ({reason}). Fix: download it again") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise AnatomyR1Error(f"{source}: holds something other than named tensors. Fix: name a state dict")
    with atomic_file(target) as temporary:
        save_file({name: value.contiguous().clone() for name, value in found.items()}, temporary)
    return len(found)


def tensors(path: Path) -> dict[str, Any]:
    """Named tensors of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        fix = f"`anatomy-r1 similarity convert {path} NEW.safetensors`"
        raise AnatomyR1Error(f"{path}: not a .safetensors file. Fix: {fix}")
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise AnatomyR1Error(f"{path}: not valid safetensors ({error}). Fix: convert or download it again") from error


def medclip(weights: Path, bert: Path) -> TextEncoder:
    """MedCLIP's text tower (paper, "ASC-Learning": "the text encoder from MedCLIP"), rebuilt without its package.

    The package's model needs a GPU and the image tower. The text tower is a BERT with the shape and tokenizer of
    Bio_ClinicalBERT: hidden states 1, 2 and the last are averaged over all tokens, then over the three states,
    projected to 512 dimensions without bias, and normalised to length one (RyanWangZf/MedCLIP,
    `medclip/modeling_medclip.py`).

    Args:
        weights: MedCLIP's checkpoint as safetensors; its image tower is ignored.
        bert: folder with Bio_ClinicalBERT's configuration and tokenizer; its own weights are not needed.
    """
    import torch
    from transformers import AutoConfig, AutoTokenizer, BertModel

    try:
        tokenizer = AutoTokenizer.from_pretrained(bert, trust_remote_code=False)
        config = AutoConfig.from_pretrained(bert, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise AnatomyR1Error(f"{bert}: no BERT configuration and tokenizer ({error})") from error
    found = tensors(weights)
    model = BertModel(config, add_pooling_layer=f"{BERT}pooler.dense.weight" in found).eval()
    _load(model, found, weights)
    if PROJECTION not in found or found[PROJECTION].dim() != 2 or found[PROJECTION].shape[1] != config.hidden_size:
        raise AnatomyR1Error(f"{weights}: {PROJECTION} is missing, or does not take vectors of {config.hidden_size}")
    projection = found[PROJECTION].float()

    def encode(text: str) -> Sequence[float]:
        read = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = model(**read, output_hidden_states=True).hidden_states
            mean = torch.stack([states[place] for place in STATES]).mean(dim=(0, 2))[0]
            vector = projection @ mean
        return list((vector / vector.norm()).tolist())

    files = [path for pattern in MEDCLIP_FILES for path in bert.glob(pattern)]
    identity = {"weights": identity_of([weights]), "tokenizer": identity_of(files)}
    return TextEncoder("MedCLIP text tower", identity, encode)


def _load(model: Any, found: Mapping[str, Any], weights: Path) -> None:
    named = {name.removeprefix(BERT): value for name, value in found.items() if name.startswith(BERT)}
    named.pop("embeddings.position_ids", None)  # a buffer that transformers no longer has
    try:
        model.load_state_dict(named, strict=True)
    except RuntimeError as error:
        reason = str(error).replace("\n", " ")[:400]
        raise AnatomyR1Error(f"{weights}: not MedCLIP's text tower over this BERT ({reason})") from error


def open_clip_encoder(folder: Path) -> TextEncoder:
    """A text tower in open_clip's format, such as `microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224`.

    A folder holds `open_clip_config.json`, the weights as safetensors and, if the text tower is a transformers model,
    the tokenizer's files. Such a tower's own configuration (`config.json`) is read from the folder if it is there, else
    from the hub's cache.
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

    files = [path for pattern in OPEN_CLIP_FILES for path in folder.glob(pattern)]
    identity = {"weights": identity_of([weights]), "tokenizer": identity_of(files)}
    name = config["text_cfg"].get("hf_model_name", f"text tower of width {config['text_cfg'].get('width')}")
    return TextEncoder(f"open_clip {name}".strip(), identity, encode)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "open_clip_config.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["model_cfg"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnatomyR1Error(f"{path}: no configuration of open_clip ({type(error).__name__}: {error})") from error


def _weights(folder: Path) -> Path:
    """Require safetensors: without them, open_clip would load a pickle."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    fix = f"Fix: anatomy-r1 similarity convert {folder}/open_clip_pytorch_model.bin {folder}/{WEIGHTS[0]}"
    raise AnatomyR1Error(f"{folder}: none of {', '.join(WEIGHTS)}. {fix}")


def _text_config(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    text = dict(config["text_cfg"])
    if "hf_model_name" in text:
        text["hf_model_pretrained"] = False  # its weights are in the checkpoint
        if (folder / "config.json").is_file():
            text["hf_model_name"] = str(folder)
    return text
