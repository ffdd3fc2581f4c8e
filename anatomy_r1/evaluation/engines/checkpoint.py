"""Checkpoint folders: what is wrong with one that cannot be evaluated, its identity, and its processor.

A checkpoint is what `save_pretrained` writes for an image-text model: safetensors weights, configuration, tokenizer and
processor. Other things that training and hubs leave in folders are named, each with its cure.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from anatomy_r1.chat import chat_template_of
from anatomy_r1.errors import AnatomyR1Error, one_line
from anatomy_r1.files import identity_of

IDENTITY_FILES = (
    "*.safetensors", "config.json", "generation_config.json", "tokenizer*", "*processor_config.json",
    "chat_template*", "additional_chat_templates/*", "vocab.json", "vocab.txt", "merges.txt", "*.model", "tekken.json",
    "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
"""Files of a checkpoint that can change its responses."""
ADAPTER = "adapter_config.json"
INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json", "*.model")
PROCESSORS = ("processor_config.json", "preprocessor_config.json")
MERGE = (
    "import sys; from peft import PeftModel; from transformers import AutoModelForImageTextToText, AutoProcessor; "
    "base, adapter, out, processor = sys.argv[1:]; "
    'model = AutoModelForImageTextToText.from_pretrained(base, dtype="auto"); '
    "PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out); "
    "AutoProcessor.from_pretrained(processor).save_pretrained(out)"
)
"""A program that merges adapters: base, adapters, output and the folder of the processor are its arguments."""
COPY = "Fix: copy it from the base model's folder"


def weights_identity(folder: Path) -> str:
    """16 hex digits over names and bytes of weights, configuration, tokenizer and processor.

    Raises:
        AnatomyR1Error: when `folder` does not hold a model's whole weights.
    """
    check_weights(folder)
    found = {path for pattern in IDENTITY_FILES for path in folder.glob(pattern)}
    return identity_of(path for path in found if path.is_file())


def check_weights(folder: Path) -> None:
    """Raise an AnatomyR1Error unless all weights are there; it names what is there instead, and the way out."""
    if not folder.is_dir():
        raise _no_folder(folder)
    if (folder / ADAPTER).is_file():
        problem = f"{folder}: adapters ({ADAPTER}), not a whole model"
        raise AnatomyR1Error(f"{problem}. Fix: merge them with peft: {_merge(folder)}")
    if not any(folder.glob("*.safetensors")):
        raise AnatomyR1Error(f"{folder}: no *.safetensors weights{_other_weights(folder)}")
    _check_shards(folder)


def _no_folder(folder: Path) -> AnatomyR1Error:
    if folder.exists():
        elsewhere = "serve it, and use --engine server" if folder.suffix == ".gguf" else "name the folder it is in"
        return AnatomyR1Error(f"{folder}: a file, not the folder of a checkpoint. Fix: {elsewhere}")
    fix = "Fix: name a folder that `save_pretrained` wrote; of a model on the hub: hf download ORG/NAME --local-dir DIR"
    if len(folder.parts) == 2 and not folder.is_absolute():  # as a model's name on the Hugging Face Hub
        local = f"models/{folder.name}"
        fix = f"Fix: if it is a name on the hub, hf download {folder} --local-dir {local}, then --model {local}"
    return AnatomyR1Error(f"{folder}: no such folder. {fix}")


def _merge(folder: Path) -> str:
    """The command that merges adapters into their base and writes a whole checkpoint beside them."""
    try:
        base = json.loads((folder / ADAPTER).read_bytes())["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError):
        base = None
    base = base if isinstance(base, str) and base else "BASE"
    processor = folder if any((folder / name).is_file() for name in PROCESSORS) else base
    return f"python -c {shlex.quote(MERGE)} {shlex.join(map(str, (base, folder, f'{folder}-merged', processor)))}"


FSDP = "shards of FSDP. Fix: accelerate merge-weights {found} OUT, and copy the base model's other files to OUT"
DEEPSPEED = (
    "shards of DeepSpeed. Fix: python zero_to_fp32.py {folder} OUT --safe_serialization (DeepSpeed's program), and "
    "copy the base model's other files to OUT"
)
PICKLED = (
    "pickled weights ({found}), which can run code. Fix: where you trust them, load them with transformers and save "
    "them again with save_pretrained, which writes safetensors"
)
OTHER_WEIGHTS = {
    "*.gguf": "GGUF. Fix: serve it, and use --engine server, or name the model it was made from",
    "*.distcp": FSDP.replace("{found}", "{folder}"),
    "*fsdp*": FSDP,
    "zero_to_fp32.py": DEEPSPEED,
    "global_step*": DEEPSPEED,
    "pytorch_model*.bin": PICKLED,
    "consolidated*.pth": PICKLED,
}
"""Pattern -> what such files are, and the way out."""


def _other_weights(folder: Path) -> str:
    """What there is instead of safetensors, and the way out."""
    for pattern, about in OTHER_WEIGHTS.items():
        if found := sorted(folder.glob(pattern)):
            return f", but {about.format(folder=folder, found=found[0])}"
    below = sorted(path.parent for path in folder.glob("*/*.safetensors"))
    return f". Fix: name {below[-1]}" if below else ". Fix: name a folder that `save_pretrained` wrote"


def _check_shards(folder: Path) -> None:
    """Check that all shards are there which the index names."""
    index = folder / INDEX
    if not index.is_file():
        return
    try:
        named = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnatomyR1Error(f"{index}: not an index of shards ({one_line(error)}). Fix: copy it again") from error
    if lost := sorted(str(name) for name in named if not (folder / str(name)).is_file()):
        more = f", {len(lost)} of {len(named)} shards in all" if len(lost) > 1 else ""
        raise AnatomyR1Error(f"{folder / lost[0]}: missing, but {INDEX} names it{more}. Fix: copy it again")


def unusable(folder: Path, error: Exception) -> AnatomyR1Error:
    """The error for a folder that cannot be loaded."""
    return AnatomyR1Error(f"{folder}: no usable image-text model ({one_line(error)}). Fix: train or copy it again")


def open_config(folder: Path) -> Any:
    """The configuration; AnatomyR1Error if it is not an image-text model's."""
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, AutoConfig

    if not (folder / "config.json").is_file():
        raise AnatomyR1Error(f"{folder / 'config.json'}: missing. {COPY}")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # a library's loader: a broken file raises anything
        raise unusable(folder, error) from error
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        fix = "Fix: name an image-text model; one that transformers does not know can be served (--engine server)"
        raise AnatomyR1Error(f"{folder}: a model of type {config.model_type} takes no images and text. {fix}")
    return config


def open_processor(folder: Path) -> Any:
    """The processor, padding on the left, with the chat template of its tokenizer if it has none of its own."""
    from transformers import AutoProcessor

    if not any((folder / name).is_file() for name in PROCESSORS):
        raise AnatomyR1Error(f"{folder}: no processor ({' or '.join(PROCESSORS)}). {COPY}")
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZERS):
        raise AnatomyR1Error(f"{folder}: no tokenizer (tokenizer.json or tokenizer.model). {COPY}")
    try:
        processor = AutoProcessor.from_pretrained(folder, padding_side="left", trust_remote_code=False)
        processor.tokenizer.padding_side = "left"
    except Exception as error:  # as above
        raise unusable(folder, error) from error
    processor.chat_template = chat_template_of(processor, folder)
    return processor


def end_tokens(folder: Path, config: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a response: of its generation settings nothing else is used."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").is_file():
        try:
            stated = GenerationConfig.from_pretrained(folder).eos_token_id
        except Exception as error:  # as above
            raise unusable(folder, error) from error
    else:
        stated = GenerationConfig.from_model_config(config).eos_token_id
    ids = stated if isinstance(stated, list) else [stated, tokenizer.eos_token_id]
    return frozenset(token for token in ids if token is not None)
