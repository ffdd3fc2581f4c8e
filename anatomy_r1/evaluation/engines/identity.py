"""Which weights answered: a hash over the files that decide what a model says."""

from __future__ import annotations

from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.file_hash import identity_of

PATTERNS = (
    "*.safetensors", "config.json", "generation_config.json", "tokenizer*", "*processor_config.json",
    "chat_template*", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip


def weights_identity(folder: Path) -> str:
    """16 hex digits over names and bytes of weights, configuration, tokenizer and processor.

    Raises:
        AnatomyR1Error: when the folder holds no safetensors weights.
    """
    if not any(folder.glob("*.safetensors")):
        raise AnatomyR1Error(f"{folder}: no *.safetensors weights. Cure: name a folder that `save_pretrained` wrote")
    return identity_of({path for pattern in PATTERNS for path in folder.glob(pattern)})
