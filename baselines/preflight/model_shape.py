"""How many parameters a model has, and of which kind: counted on the model itself, built without memory.

`baselines/preflight/architectures/` has the hub's own `config.json` of each model, so that a plan needs neither weights
nor a network; a model that is there already is read from its folder.
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
    """Numbers that memory depends on."""

    parameters: int
    """All, tied ones once."""
    trainable: int
    """Those that training changes; with adapters, the adapters' alone."""
    adapters: int
    """Of them, those that are beside the model's own."""
    largest_layer: int
    """Parameters of the module that has most by itself; ZeRO-3 gathers it whole."""
    layers: int
    width: int
    inner: int
    """Width of the feed-forward part."""
    vocabulary: int


def shape_of(source: Mapping[str, Any], folder: Path | None = None) -> ModelShape:
    """Shape of a profile's model entry.

    Raises:
        AnatomyR1Error: when neither `folder` nor `baselines/preflight/architectures/` has a configuration for it.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.for_model(**_config(source, folder))
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    return _counted(model, source)


def _config(source: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    name = f"{str(source.get('hub', '')).rpartition('/')[2]}.json"
    path = folder / "config.json" if folder and (folder / "config.json").is_file() else ARCHITECTURES / name
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in ARCHITECTURES.glob("*.json")))
        raise AnatomyR1Error(f"no configuration of {source.get('hub')!r} to count its parameters by; known: {known}")
    return dict(json.loads(path.read_text()))


def _counted(model: Any, source: Mapping[str, Any]) -> ModelShape:
    from baselines.stages.policy import adapters, freeze

    total = sum(weight.numel() for weight in model.parameters())
    largest = max(sum(w.numel() for w in part.parameters(recurse=False)) for part in model.modules())
    text = model.config.get_text_config()
    freeze(model, source.get("frozen", ()))
    beside = 0
    if lora := adapters(source):
        from peft import get_peft_model

        model = get_peft_model(model, lora)
        beside = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    trainable = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    sizes = (text.num_hidden_layers, text.hidden_size, text.intermediate_size, text.vocab_size)
    return ModelShape(total, trainable, beside, largest, *sizes)
