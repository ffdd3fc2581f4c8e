"""Each check: a machine and a profile in, one finding out. None starts anything.

What this machine is, read once into a value, so that what is said of it can be tested without one.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.provenance import ROOT, Gpu, gpus, read_driver, versions
from baselines.experiment.profile import Profile

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


LOCK = ROOT / "constraints.txt"
GPU_ONLY = {"deepspeed", "vllm"}
"""Packages of the extra `gpu`."""
FREE = 0.95
"""Share of a card's memory that is free while nobody computes on it: the driver keeps some (ours)."""


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    passed: bool | None
    """None: could not be looked at, and the run may fail of it."""
    found: str
    fix: str = ""
    """What mends it; empty where nothing needs to."""


def locked() -> dict[str, str]:
    """Versions of the lock, by name."""
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", LOCK.read_text(), flags=re.MULTILINE)
    return {name.lower().replace("_", "-"): found for name, found in lines}


def check_python(machine: Machine) -> Check:
    """3.11, for which the lock was made."""
    found = ".".join(map(str, machine.python))
    return Check("python", machine.python == (3, 11), found, "make the environment with python3.11")


def check_packages(machine: Machine, profile: Profile, lock: Mapping[str, str]) -> list[Check]:
    """Each package against the lock: numbers of other versions are other numbers."""
    wanted = [name for name in PACKAGES if name not in GPU_ONLY or profile.needs.gpus]
    return [_package(name, machine.packages.get(name, ""), lock[name]) for name in wanted if _used(name, profile)]


def _used(name: str, profile: Profile) -> bool:
    return name != "deepspeed" or profile.launch.accelerate.startswith("zero")


def _package(name: str, found: str, wanted: str) -> Check:
    same = found.partition("+")[0] == wanted
    fix = f'pip install -c constraints.txt -e ".[train{",gpu" if name in GPU_ONLY else ""}]"'
    return Check(name, same, f"{found or 'not installed'}, the lock has {wanted}", fix)


def check_driver(machine: Machine) -> list[Check]:
    """The driver runs the CUDA that PyTorch was built for, and PyTorch sees the cards."""
    if not machine.driver:
        return [Check("driver", False, "no NVIDIA driver (nvidia-smi is missing or fails)", "install the driver")]
    needs = ".".join(map(str, machine.torch_cuda))
    runs = ".".join(map(str, machine.driver_cuda))
    said = f"{machine.driver}, runs CUDA up to {runs}; PyTorch was built for {needs}"
    fits = (0, 0) < machine.torch_cuda <= machine.driver_cuda
    built = "install PyTorch's CUDA build" if machine.torch_cuda == (0, 0) else f"a driver for CUDA {needs} or newer"
    sees = Check("cuda", machine.cuda_works, f"PyTorch {'sees' if machine.cuda_works else 'does not see'} the cards",
                   "look at CUDA_VISIBLE_DEVICES, and `nvidia-smi` for a card in error")  # fmt: skip
    return [Check("driver", fits, said, built), sees]


def check_gpus(machine: Machine, profile: Profile) -> list[Check]:
    """As many as the profile needs, large enough and not in use."""
    needs = profile.needs
    large = [gpu for gpu in machine.gpus if gpu.memory >= needs.gpu_memory_gb]
    listed = ", ".join(f"{gpu.name} {gpu.memory:.0f} GB" for gpu in machine.gpus) or "none"
    enough = f"{needs.gpus} of {needs.gpu_memory_gb:.0f} GB or more are needed"
    found = [Check("gpus", len(large) >= needs.gpus, f"{listed}; {enough}", "profile paper-1gpu (one card), or mini")]
    busy = [gpu for gpu in machine.gpus if gpu.free < FREE * gpu.memory]
    said = f"{len(busy)} in use by others" if busy else "none in use"
    return [*found, Check("gpu memory", not busy, said, "stop what computes on them: `nvidia-smi` lists it")]


def check_nccl(machine: Machine, profile: Profile) -> Check:
    """What several cards talk by."""
    if profile.launch.processes == 1:
        return Check("nccl", True, "not needed: one process to a training")
    return Check("nccl", machine.nccl, "there" if machine.nccl else "missing", "install PyTorch's CUDA build")


def check_disk(machine: Machine, needed: float) -> Check:
    """Room for models, policies and checkpoints, in GB."""
    said = f"{machine.disk_free:,.0f} GB free, about {needed:,.0f} GB needed"
    return Check("disk", machine.disk_free >= needed, said, "another --runs folder, or fewer --methods and --seeds")


def check_fit(machine: Machine, rows: Sequence[tuple[str, float]]) -> list[Check]:
    """Peak memory of each kind of training, in GB, against the smallest card."""
    size = min((gpu.memory for gpu in machine.gpus), default=0.0)
    there = f"a card here has {size:.0f} GB" if size else "there is no card to hold it against"
    fix = "a smaller per_device_train_batch_size with more gradient_accumulation_steps, or profile paper-1gpu"
    return [
        Check(
            f"memory of {name}",
            None if not size else peak <= size,
            f"about {peak:.0f} GB; {there}",
            fix if size else "",
        )
        for name, peak in rows
    ]
