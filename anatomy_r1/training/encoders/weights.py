"""Weights as tensors by name, from safetensors only.

MedCLIP and BiomedCLIP are given away as PyTorch's own files, which are pickles. They are converted once, by a command
of its own, through PyTorch's reader of tensors alone (`weights_only`), which runs no code that a file names.
"""

from __future__ import annotations

import pickle
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import whole_file


def convert(source: Path, target: Path) -> int:
    """A PyTorch state dict as safetensors, tensors unchanged; returns how many there are.

    Raises:
        AnatomyR1Error: when `source` holds anything but tensors by name, or `target` is there already.
    """
    import torch
    from safetensors.torch import save_file

    if target.exists():
        raise AnatomyR1Error(f"{target}: is there already. Fix: name a file that is not")
    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise AnatomyR1Error(f"{source}: no file of tensors alone ({reason}). Fix: fetch it again") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise AnatomyR1Error(f"{source}: holds something else than tensors by name. Fix: name a state dict")
    with whole_file(target) as temporary:
        save_file({name: value.contiguous().clone() for name, value in found.items()}, temporary)
    return len(found)


def tensors(path: Path) -> dict[str, object]:
    """Tensors by name, from safetensors.

    Raises:
        AnatomyR1Error: when the file is missing or another kind.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        fix = f"`anatomy-r1 similarity convert {path} NEW.safetensors`"
        raise AnatomyR1Error(f"{path}: is no .safetensors. Fix: {fix}")
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise AnatomyR1Error(f"{path}: no safetensors ({error}). Fix: convert or fetch it again") from error
