"""Fetch, load, adapt and save a policy as a profile's model entry describes it.

Besides the source of the weights (`mini`, or `hub` and `revision`), an entry may have:

- `pixels`: {min, max} per image, which are saved in the processor;
- `dtype`: by default float32;
- `attention`: transformers' `attn_implementation`;
- `frozen`: names of parts that are not trained: `[model.visual]` is Qwen2.5-VL's vision tower;
- `lora`: arguments of PEFT's `LoraConfig`; without it, everything that is not frozen is trained.

A revision such as `main` can change. The commit found first is recorded with the model, and another one is refused
until the folder is removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from anatomy_r1.chat import Detokenizer, chat_template_of, check_template
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder
from anatomy_r1.training.hub import snapshot

Source = Mapping[str, Any]
"""A profile's model entry."""
ADAPTER = "adapter_config.json"
"""A folder with this file holds adapters."""


def load_policy(weights: Path, start: Path, source: Source) -> tuple[Any, Any]:
    """Model and processor; weights from `start`, where training started, or from a checkpoint of the same run.

    The reference policy of the KL term is loaded from `start`. Right padding would silently corrupt token types in TRL.

    Raises:
        AnatomyR1Error: when rewards could read nothing: the tokenizer loses the tags, or the chat template the image.
    """
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(start, padding_side="left", trust_remote_code=False)
    processor.tokenizer.padding_side = "left"
    processor.chat_template = chat_template_of(processor, start)
    check_template(partial(processor.apply_chat_template, tokenize=False), start)
    Detokenizer(processor.tokenizer, ()).check_tags(start)
    model = load_model(start if source.get("lora") else weights, source)  # adapters are resumed by PEFT itself
    model.config._name_or_path = str(start)
    freeze(model, source.get("frozen", ()))
    return model, processor


def load_model(folder: Path, source: Source) -> Any:
    """The model in the entry's precision, from safetensors only."""
    import torch
    from transformers import AutoModelForImageTextToText

    dtype = getattr(torch, source.get("dtype", "float32"))
    attention = {"attn_implementation": source["attention"]} if source.get("attention") else {}
    return AutoModelForImageTextToText.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, **attention
    )


def freeze(model: Any, parts: Sequence[str]) -> None:
    """Exclude these parts from training."""
    for part in parts:
        try:
            model.get_submodule(part).requires_grad_(False)
        except AttributeError as error:
            names = ", ".join(f"model.{name}" for name, _ in model.model.named_children())
            raise AnatomyR1Error(f"frozen part {part!r}: no such part. Fix: name one of {names}") from error


def adapters(source: Source) -> Any | None:
    """PEFT's configuration for the entry's LoRA; None without one."""
    if not source.get("lora"):
        return None
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", **source["lora"])


def save_policy(trainer: Any, folder: Path) -> None:
    """Save the current policy, or its adapters. Sharded weights are gathered, so every process must call this."""
    accelerator = trainer.accelerator
    if accelerator.num_processes == 1:
        trainer.model.save_pretrained(folder)
        return
    state = accelerator.get_state_dict(trainer.model_wrapped)
    if accelerator.is_main_process:
        accelerator.unwrap_model(trainer.model_wrapped).save_pretrained(folder, state_dict=state)
    accelerator.wait_for_everyone()


def merge_adapters(folder: Path, start: Path, source: Source) -> None:
    """Merge the adapters in a folder into full weights, in place; other folders are left as they are.

    So nothing that evaluates a policy, or starts from it, needs to know that it was trained with adapters.
    """
    if not (folder / ADAPTER).is_file():
        return
    if left := [*folder.glob("adapter_model*")]:  # none: a run was killed when it had merged and removed them
        from peft import PeftModel

        merged = PeftModel.from_pretrained(load_model(start, source), folder).merge_and_unload()
        merged.save_pretrained(folder)  # first: a run that is killed here finds the adapters, and merges them again
    for path in [*folder.glob("README.md"), *left, folder / ADAPTER]:
        path.unlink(missing_ok=True)


def fetch(source: Mapping[str, Any], out: Path) -> None:
    """Put the model of a profile's entry into `out`, atomically."""
    folder = snapshot(source["hub"], source.get("revision"))
    found = {"hub": source["hub"], "revision": source.get("revision"), "commit": folder.name}
    before = json.loads((out / "source.json").read_text()) if (out / "source.json").is_file() else found
    if before["hub"] == found["hub"] and before["commit"] != found["commit"]:
        raise AnatomyR1Error(
            f"{out}: made from commit {before['commit']} of {found['hub']}, but {found['revision'] or 'its head'} is "
            f"now {found['commit']}. Fix: `revision: {before['commit']}` in the profile, or remove {out} and what "
            "was trained from it"
        )
    if not list(folder.glob("*.safetensors")):
        raise AnatomyR1Error(f"{folder}: no *.safetensors. Fix: fetch it again: hf download {source['hub']}")
    linked = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
    with atomic_folder(out) as new:
        for path in sorted({path for pattern in linked for path in folder.glob(pattern)}):
            (new / path.name).symlink_to(path.resolve())
        _save_processor(folder, new, source.get("pixels") or {})
        (new / "source.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def _save_processor(folder: Path, out: Path, pixels: Mapping[str, int]) -> None:
    """Save the pixel limits: TRL 1.16 cannot pass processor arguments to vLLM in colocate mode."""
    from transformers import AutoProcessor

    limits = {f"{end}_pixels": value for end, value in pixels.items()}
    try:
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False, **limits)
    except (OSError, ValueError) as error:
        raise AnatomyR1Error(f"{folder}: its processor cannot be loaded ({error})") from error
    processor.chat_template = chat_template_of(processor, folder)
    processor.save_pretrained(out)
