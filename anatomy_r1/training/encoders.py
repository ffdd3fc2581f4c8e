"""Text encoders for S(q): option texts in, one vector each out, and the file of similarities computed with them.

MedCLIP's tower is here, open_clip's in `anatomy_r1.training.open_clip_tower`.

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
from anatomy_r1.training.similarity import Similarity, check_similarity, from_vectors
from anatomy_r1.training.tokens import (
    TokenIds,
    check_different,
    check_token_ids,
    check_vocabulary,
    ids_of,
    load_tokenizer,
)

MAX_TOKENS = 77  # as in MedCLIP's processor
STATES = (1, 2, -1)
"""Indices of the hidden states that MedCLIP averages; 0 would be the embeddings."""
LARGEST = {"num_hidden_layers": 200, "hidden_size": 50_000, "intermediate_size": 500_000, "vocab_size": 5_000_000}
"""Beyond any BERT (ours): a larger one would fill the memory before it is compared with its weights."""
BERT, PROJECTION = "text_model.model.", "text_model.projection_head.weight"
"""Tensor names in MedCLIP's checkpoint."""
MEDCLIP_FILES = ("config.json", "vocab.txt", "tokenizer*.json", "special_tokens_map.json")
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
    token_ids: Callable[[str], TokenIds] | None = None
    """One text -> what the tower sees of it; None if the encoder has no tokens to check."""


def write_similarities(encoder: TextEncoder, names: Sequence[str], path: Path, wording: str = "{}") -> Similarity:
    """Compute eq. 3 for every pair of `names` and write the file that `read_similarity` reads.

    `wording` is what is encoded, with one `{}` for the option.

    Raises:
        AnatomyR1Error: The encoder does not tell the options apart (`check_token_ids`, `check_similarity`), or a vector
            has no direction. Nothing is written then.
    """
    if not names:
        raise AnatomyR1Error("no option texts to encode. Fix: name a prepared set that has questions")
    if wording.count("{}") != 1:
        fix = "write it as in 'a photo of the {}'"
        raise AnatomyR1Error(f"wording {wording!r}: needs one {{}} for the option. Fix: {fix}")
    texts = {name: wording.replace("{}", name) for name in dict.fromkeys(names)}
    if encoder.token_ids is not None:
        check_token_ids({name: encoder.token_ids(name) for name in texts}, encoder.name)
        check_different({name: encoder.token_ids(text) for name, text in texts.items()}, encoder.name)
    vectors = {name: list(encoder.encode(text)) for name, text in texts.items()}
    marked = " ".join([encoder.name, *(f"{part} {value}" for part, value in sorted(encoder.identity.items()))])
    similarity = from_vectors(vectors, f"{marked}, wording {wording!r}")
    check_similarity(similarity)
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
    if not source.is_file():
        raise AnatomyR1Error(f"{source}: no such file. Fix: name the pytorch_model.bin that was downloaded")
    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]  # torch goes on with advice that would run code
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

    tokenizer, config, found = load_tokenizer(bert), _bert_config(bert), tensors(weights)
    check_vocabulary(len(tokenizer), config.vocab_size, bert)
    model = _bert(config, found, weights, bert)
    if PROJECTION not in found or found[PROJECTION].dim() != 2 or found[PROJECTION].shape[1] != config.hidden_size:
        raise AnatomyR1Error(
            f"{weights}: {PROJECTION} is missing, or does not take vectors of {config.hidden_size}. "
            "Fix: convert or download MedCLIP's checkpoint again"
        )
    projection = found[PROJECTION].float()

    def token_ids(text: str) -> TokenIds:
        return ids_of(tokenizer, text, MAX_TOKENS)

    def encode(text: str) -> Sequence[float]:
        read = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = model(**read, output_hidden_states=True).hidden_states
            mean = torch.stack([states[place] for place in STATES]).mean(dim=(0, 2))[0]
            vector = projection @ mean
        return list((vector / vector.norm()).tolist())

    files = [path for pattern in MEDCLIP_FILES for path in bert.glob(pattern)]
    identity = {"weights": identity_of([weights]), "tokenizer": identity_of(files)}
    return TextEncoder("MedCLIP text tower", identity, encode, token_ids)


def _bert_config(folder: Path) -> Any:
    """BERT's configuration, of a shape that MedCLIP's computation needs."""
    from transformers import AutoConfig

    fix = "copy config.json of Bio_ClinicalBERT into the folder"
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # transformers raises what its parsers do: TypeError, KeyError, OSError, ...
        reason = " ".join(str(error).split())[:300]
        raise AnatomyR1Error(f"{folder / 'config.json'}: no BERT configuration ({reason}). Fix: {fix}") from error
    lowest = {"num_hidden_layers": max(STATES), "max_position_embeddings": MAX_TOKENS}
    for name, least in lowest.items():
        if config.model_type != "bert" or getattr(config, name) < least:
            found = f"{name} {getattr(config, name, None)} of a {config.model_type!r}"
            raise AnatomyR1Error(
                f"{folder / 'config.json'}: {found}, but MedCLIP needs a 'bert' with {least} or more. Fix: {fix}"
            )
    for name, most in LARGEST.items():
        if not 0 < getattr(config, name) <= most:
            problem = f"{name} is {getattr(config, name)}, expected 1 to {most}"
            raise AnatomyR1Error(f"{folder / 'config.json'}: {problem}. Fix: {fix}")
    return config


def _bert(config: Any, found: Mapping[str, Any], weights: Path, folder: Path) -> Any:
    """The tower with every weight from the checkpoint: one that is missing would keep a random value."""
    from transformers import BertModel

    named = {name.removeprefix(BERT): value for name, value in found.items() if name.startswith(BERT)}
    if not named:
        some = ", ".join(sorted(found)[:3]) or "no tensors at all"
        fix = "name MedCLIP's checkpoint, converted by `anatomy-r1 similarity convert`"
        raise AnatomyR1Error(f"{weights}: no text tower: no tensor begins with {BERT} (found {some}). Fix: {fix}")
    named.pop("embeddings.position_ids", None)  # a buffer that transformers no longer has
    try:
        model = BertModel(config, add_pooling_layer="pooler.dense.weight" in named).eval()
        model.load_state_dict(named, strict=True)
    except Exception as error:  # a configuration's values reach PyTorch unchecked
        reason = " ".join(str(error).split())[:400]
        fix = f"name the checkpoint that belongs to {folder / 'config.json'}"
        raise AnatomyR1Error(f"{weights}: not MedCLIP's text tower over this BERT ({reason}). Fix: {fix}") from error
    return model
