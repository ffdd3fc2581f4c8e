"""A base model from the hub's cache or a folder: pinned, checked, and with pixel limits saved in its processor.

A revision such as `main` can change. The commit found first is recorded with the model, and another one is refused
until the folder is removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder
from anatomy_r1.hub import snapshot

SOURCE_NAME = "source.json"
LINKED = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
"""Files that are linked instead of copied; processor and tokenizer are saved again, with the pixel limits."""


def fetch(source: Mapping[str, Any], out: Path) -> None:
    """Put the model of a profile's entry into `out`, atomically.

    Args:
        source: `hub` (an id, or a local folder), `revision`, and `pixels` ({min, max} per image).
        out: folder to create.

    Raises:
        AnatomyR1Error: when the model is not available, its commit has changed, or it lacks weights or chat template.
    """
    folder = snapshot(source["hub"], source.get("revision"))
    found = {"hub": source["hub"], "revision": source.get("revision"), "commit": folder.name}
    _check_pin(out, found)
    if not list(folder.glob("*.safetensors")):
        raise AnatomyR1Error(f"{folder}: no *.safetensors. Fix: fetch it again: hf download {source['hub']}")
    with atomic_folder(out) as new:
        for path in sorted({path for pattern in LINKED for path in folder.glob(pattern)}):
            (new / path.name).symlink_to(path.resolve())
        _save_processor(folder, new, source.get("pixels") or {})
        (new / SOURCE_NAME).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def _check_pin(out: Path, found: Mapping[str, Any]) -> None:
    path = out / SOURCE_NAME
    if not path.is_file():
        return
    before = json.loads(path.read_text())
    if before["hub"] == found["hub"] and before["commit"] != found["commit"]:
        raise AnatomyR1Error(
            f"{out}: made from commit {before['commit']} of {found['hub']}, but {found['revision'] or 'its head'} is "
            f"now {found['commit']}. Fix: `revision: {before['commit']}` in the profile, or remove {out} and what "
            "was trained from it"
        )


def _save_processor(folder: Path, out: Path, pixels: Mapping[str, int]) -> None:
    """Save the pixel limits: TRL 1.16 cannot pass processor arguments to vLLM in colocate mode."""
    from transformers import AutoProcessor

    limits = {f"{end}_pixels": value for end, value in pixels.items()}
    try:
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False, **limits)
    except (OSError, ValueError) as error:
        raise AnatomyR1Error(f"{folder}: its processor cannot be loaded ({error})") from error
    if not getattr(processor, "chat_template", None):
        raise AnatomyR1Error(f"{folder}: its processor has no chat template, which prompts need")
    processor.save_pretrained(out)
