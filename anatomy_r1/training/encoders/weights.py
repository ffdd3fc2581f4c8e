"""Weights of encoders, read from safetensors only.

MedCLIP and BiomedCLIP are published as PyTorch files, which are pickles. `anatomy-r1 similarity convert` converts them
once, with PyTorch's `weights_only` loader, which runs no code from the file.
"""

from __future__ import annotations

import pickle
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_file


def convert(source: Path, target: Path) -> int:
    """Convert a PyTorch state dict to safetensors, tensors unchanged; returns their number.

    Raises:
        AnatomyR1Error: when `source` holds anything but named tensors, or `target` exists.
    """
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


def tensors(path: Path) -> dict[str, object]:
    """Named tensors of a safetensors file.

    Raises:
        AnatomyR1Error: when the file is missing or of another kind.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        fix = f"`anatomy-r1 similarity convert {path} NEW.safetensors`"
        raise AnatomyR1Error(f"{path}: not a .safetensors file. Fix: {fix}")
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise AnatomyR1Error(f"{path}: not valid safetensors ({error}). Fix: convert or download it again") from error
