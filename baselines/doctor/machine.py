"""What this machine is, read once into a value, so that what is said of it can be tested without one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "transformers", "trl", "accelerate", "peft", "lm-eval", "deepspeed", "vllm")
"""Those whose versions decide what a run gives."""


@dataclass(frozen=True)
class Gpu:
    """One card, in GB."""

    name: str
    memory: float
    free: float


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
    memory: float
    """Of the machine, in GB."""


def read_machine(runs: Path) -> Machine:
    """This machine."""
    import sys

    driver, cuda = read_driver()
    torch_cuda, works, nccl = _torch()
    at = next(path for path in (runs, *runs.parents) if path.exists())
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor),
        packages=_versions(),
        gpus=_gpus(),
        driver=driver,
        driver_cuda=cuda,
        torch_cuda=torch_cuda,
        cuda_works=works,
        nccl=nccl,
        disk_free=shutil.disk_usage(at).free / 2**30,
        memory=_memory(),
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _smi(*words: str) -> str:
    if shutil.which("nvidia-smi") is None:
        return ""
    done = subprocess.run(["nvidia-smi", *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def _gpus() -> tuple[Gpu, ...]:
    return parse_gpus(_smi("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"))


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """Cards, from nvidia-smi's `name, total, free` in MiB."""
    lines = [line.rsplit(",", 2) for line in text.splitlines() if line.strip()]
    return tuple(Gpu(name.strip(), float(total) / 1024, float(free) / 1024) for name, total, free in lines)


def read_driver() -> tuple[str, tuple[int, int]]:
    """Driver and the newest CUDA it runs; empty and (0, 0) where there is none."""
    return parse_driver(_smi())


def parse_driver(text: str) -> tuple[str, tuple[int, int]]:
    """Driver and the newest CUDA it runs, from nvidia-smi's heading."""
    driver = re.search(r"Driver Version: ([0-9.]+)", text)
    cuda = re.search(r"CUDA Version: ([0-9]+)\.([0-9]+)", text)
    return (driver[1] if driver else ""), ((int(cuda[1]), int(cuda[2])) if cuda else (0, 0))


def _torch() -> tuple[tuple[int, int], bool, bool]:
    try:
        import torch
    except ImportError:
        return (0, 0), False, False
    built = [int(part) for part in (torch.version.cuda or "0.0").split(".")[:2]]
    nccl = torch.distributed.is_available() and torch.distributed.is_nccl_available()
    return (built[0], built[1]), torch.cuda.is_available(), nccl


def _memory() -> float:
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
