"""What this machine is, read once into a value, so that what is said of it can be tested without one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.nvidia import Gpu, gpus, read_driver
from anatomy_r1.provenance import versions

PACKAGES = ("torch", "torchvision", "transformers", "trl", "accelerate", "peft", "lm-eval", "deepspeed", "vllm")
"""Those whose versions decide what a run gives."""


@dataclass(frozen=True)
class Machine:
    """All that the checks look at."""

    python: tuple[int, int]
    packages: Mapping[str, str]
    """Name -> version; those that are not installed are absent."""
    gpus: tuple[Gpu, ...]
    driver: str
    """Version of NVIDIA's driver; empty where there is none."""
    driver_cuda: tuple[int, int]
    """The newest CUDA that the driver runs; (0, 0) where there is none."""
    torch_cuda: tuple[int, int]
    """The CUDA that PyTorch was built for; (0, 0) for a CPU build."""
    cuda_works: bool
    nccl: bool
    disk_free: float
    """GB below the runs folder."""


def read_machine(runs: Path) -> Machine:
    """This machine."""
    driver, cuda = read_driver()
    torch_cuda, works, nccl = _torch()
    at = next(path for path in (runs, *runs.parents) if path.exists())
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor),
        packages=versions(PACKAGES),
        gpus=gpus(),
        driver=driver,
        driver_cuda=cuda,
        torch_cuda=torch_cuda,
        cuda_works=works,
        nccl=nccl,
        disk_free=shutil.disk_usage(at).free / 2**30,
    )


def _torch() -> tuple[tuple[int, int], bool, bool]:
    try:
        import torch
    except ImportError:
        return (0, 0), False, False
    built = [int(part) for part in (torch.version.cuda or "0.0").split(".")[:2]]
    nccl = torch.distributed.is_available() and torch.distributed.is_nccl_available()
    return (built[0], built[1]), torch.cuda.is_available(), nccl
