"""Parameter counts and layer sizes of a model, counted on the model itself, built without memory (meta device).

`baselines/preflight/architectures/` has the hub's `config.json` of each model, so that a plan needs neither weights nor
a network. A model that has been fetched is read from its folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error

ARCHITECTURES = Path(__file__).resolve().parent / "architectures"


@dataclass(frozen=True)
class ModelShape:
    """The sizes that memory depends on."""

    parameters: int
    """All, tied ones counted once."""
    trainable: int
    """Those that training changes; with adapters, the adapters' only."""
    adapters: int
    """Trainable parameters that were added to the model."""
    largest_layer: int
    """Most parameters held directly by one module; ZeRO-3 gathers them at once."""
    layers: int
    width: int
    inner: int
    """Width of the feed-forward layers."""
    vocabulary: int


def shape_of(source: Mapping[str, Any], folder: Path | None = None) -> ModelShape:
    """Shape of a profile's model entry.

    Raises:
        AnatomyR1Error: when neither `folder` nor `baselines/preflight/architectures/` has a configuration for it.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from baselines.stages.policy import adapters, freeze

    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(**_config(source, folder)))
    total = sum(weight.numel() for weight in model.parameters())
    largest = max(sum(w.numel() for w in part.parameters(recurse=False)) for part in model.modules())
    text = model.config.get_text_config()
    freeze(model, source.get("frozen", ()))
    lora = adapters(source)
    if lora:
        from peft import get_peft_model

        model = get_peft_model(model, lora)
    trainable = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    sizes = (text.num_hidden_layers, text.hidden_size, text.intermediate_size, text.vocab_size)
    return ModelShape(total, trainable, trainable if lora else 0, largest, *sizes)


def _config(source: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    name = f"{str(source.get('hub', '')).rpartition('/')[2]}.json"
    path = folder / "config.json" if folder and (folder / "config.json").is_file() else ARCHITECTURES / name
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in ARCHITECTURES.glob("*.json")))
        raise AnatomyR1Error(f"no configuration of {source.get('hub')!r} to count its parameters; known: {known}")
    return dict(json.loads(path.read_text()))
