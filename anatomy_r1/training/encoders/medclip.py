"""MedCLIP's text tower (paper, "ASC-Learning": "the text encoder from MedCLIP"), rebuilt without the MedCLIP package.

The package's model needs a GPU and the image tower. The text tower is a BERT with the shape and tokenizer of
Bio_ClinicalBERT: hidden states 1, 2 and the last are averaged over all tokens, then over the three states, projected to
512 dimensions without bias, and normalised to length one (RyanWangZf/MedCLIP, `medclip/modeling_medclip.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import identity_of
from anatomy_r1.training.encoders.encoder import TextEncoder
from anatomy_r1.training.encoders.weights import tensors

MAX_TOKENS = 77
"""As in MedCLIP's processor."""
STATES = (1, 2, -1)
"""Indices of the averaged hidden states; 0 would be the embeddings."""
BERT, PROJECTION = "text_model.model.", "text_model.projection_head.weight"
"""Tensor names in MedCLIP's checkpoint."""
LEFT_OUT = {"embeddings.position_ids"}
"""A buffer that transformers no longer has."""
TOKENIZER_FILES = ("config.json", "vocab.txt", "tokenizer*.json", "special_tokens_map.json")


def medclip(weights: Path, bert: Path) -> TextEncoder:
    """MedCLIP's text encoder.

    Args:
        weights: MedCLIP's checkpoint as safetensors; its image tower is ignored.
        bert: folder with Bio_ClinicalBERT's configuration and tokenizer; its own weights are not needed.

    Raises:
        AnatomyR1Error: when a tensor is missing, unexpected, or of another shape than in the configuration.
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
    projection = _projection(found, weights, config.hidden_size)

    def encode(text: str) -> Sequence[float]:
        read = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = model(**read, output_hidden_states=True).hidden_states
            mean = torch.stack([states[place] for place in STATES]).mean(dim=(0, 2))[0]
            vector = projection @ mean
        return list((vector / vector.norm()).tolist())

    files = [path for pattern in TOKENIZER_FILES for path in bert.glob(pattern)]
    identity = {"weights": identity_of([weights]), "tokenizer": identity_of(files)}
    return TextEncoder("MedCLIP text tower", identity, encode)


def _load(model: Any, found: Mapping[str, Any], weights: Path) -> None:
    named = {name.removeprefix(BERT): value for name, value in found.items() if name.startswith(BERT)}
    own = {name: value for name, value in named.items() if name not in LEFT_OUT}
    try:
        model.load_state_dict(own, strict=True)
    except RuntimeError as error:
        reason = str(error).replace("\n", " ")[:400]
        raise AnatomyR1Error(f"{weights}: not MedCLIP's text tower over this BERT ({reason})") from error


def _projection(found: Mapping[str, Any], weights: Path, width: int) -> Any:
    if PROJECTION not in found or found[PROJECTION].dim() != 2 or found[PROJECTION].shape[1] != width:
        raise AnatomyR1Error(f"{weights}: {PROJECTION} is missing, or does not take vectors of {width}")
    return found[PROJECTION].float()
