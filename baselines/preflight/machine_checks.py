"""What this machine is, read once into a value, and checks of that value against a profile and the lock."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.provenance import ROOT, Gpu, gpus, read_driver, versions
from baselines.experiment.profile import Profile

LOCK = ROOT / "constraints.txt"
PACKAGES = ("torch", "torchvision", "transformers", "trl", "accelerate", "peft", "lm-eval", "deepspeed", "vllm")
"""Packages whose versions affect results."""
GPU_ONLY = {"deepspeed", "vllm"}
"""Packages of the extra `gpu`."""
FREE = 0.95
"""Share of a GPU's memory that is free when nothing runs on it; the driver keeps some (ours)."""


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    passed: bool | None
    """None: could not be checked, and may stop the run."""
    found: str
    fix: str = ""
    """What to do about it; empty when there is nothing to do."""


@dataclass(frozen=True)
class Machine:
    """Everything that the checks look at."""

    python: tuple[int, int]
    packages: Mapping[str, str]
    """Name -> version of those that are installed."""
    gpus: tuple[Gpu, ...]
    driver: str
    """Version of NVIDIA's driver and its CUDA; empty when there is none."""
    torch_cuda: str
    """CUDA version that PyTorch was built for; empty for a CPU build."""
    cuda_error: str
    """Why PyTorch cannot use the GPUs, in its own words; empty when it can."""
    nccl: bool
    disk_free: float
    """GB free at the runs folder."""


def read_machine(runs: Path) -> Machine:
    """This machine."""
    driver, (major, minor) = read_driver()
    cards = gpus()  # before PyTorch, which may occupy some of their memory
    torch_cuda, error, nccl = _torch()
    existing = next(path for path in (runs, *runs.parents) if path.exists())
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor),
        packages=versions(PACKAGES),
        gpus=cards,
        driver=f"{driver} (CUDA {major}.{minor})" if driver else "",
        torch_cuda=torch_cuda,
        cuda_error=error,
        nccl=nccl,
        disk_free=shutil.disk_usage(existing).free / 2**30,
    )


def _torch() -> tuple[str, str, bool]:
    """CUDA of the build, why it cannot be used, and whether NCCL is there; PyTorch compares driver and build itself."""
    try:
        import torch
    except ImportError:
        return "", "PyTorch is not installed", False
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        error = ""
    except (AssertionError, RuntimeError) as raised:
        error = str(raised).split(". ")[0]
    return torch.version.cuda or "", error, torch.distributed.is_available() and torch.distributed.is_nccl_available()


def locked() -> dict[str, str]:
    """Package -> version in the lock."""
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", LOCK.read_text(), flags=re.MULTILINE)
    return {name.lower().replace("_", "-"): found for name, found in lines}


def check_python(machine: Machine) -> Check:
    """Python 3.11, for which the lock was made."""
    found = ".".join(map(str, machine.python))
    return Check("python", machine.python == (3, 11), found, "create the environment with python3.11")


def check_packages(machine: Machine, profile: Profile, lock: Mapping[str, str]) -> list[Check]:
    """Each package that the profile uses, against the lock: another version gives other numbers."""
    unused = set() if profile.needs.gpus else set(GPU_ONLY)
    if not profile.launch.accelerate.startswith("zero"):
        unused.add("deepspeed")
    return [_package(name, machine.packages.get(name, ""), lock[name]) for name in PACKAGES if name not in unused]


def _package(name: str, found: str, wanted: str) -> Check:
    same = found.partition("+")[0] == wanted
    fix = f'pip install -c constraints.txt -e ".[train{",gpu" if name in GPU_ONLY else ""}]"'
    return Check(name, same, f"{found or 'not installed'}, the lock has {wanted}", fix)


def check_cuda(machine: Machine, profile: Profile) -> list[Check]:
    """PyTorch can use the GPUs, and several of them together."""
    built = machine.torch_cuda or "none (a CPU build)"
    found = f"driver {machine.driver or 'none'}, PyTorch for CUDA {built}: {machine.cuda_error or 'works'}"
    fix = f"update NVIDIA's driver for CUDA {built}, and check CUDA_VISIBLE_DEVICES"
    if not machine.driver:
        fix = "install NVIDIA's driver (nvidia-smi is missing or fails)"
    elif not machine.torch_cuda:
        fix = "install PyTorch's CUDA build"
    checks = [Check("cuda", not machine.cuda_error, found, fix)]
    if profile.launch.processes > 1:
        there = "available" if machine.nccl else "missing"
        checks.append(Check("nccl", machine.nccl, there, "install PyTorch's CUDA build"))
    return checks


def check_gpus(machine: Machine, profile: Profile) -> list[Check]:
    """As many GPUs as the profile needs, large enough and idle."""
    needs = profile.needs
    large = [gpu for gpu in machine.gpus if gpu.memory >= needs.gpu_memory_gb]
    listed = ", ".join(f"{gpu.name} {gpu.memory:.0f} GB" for gpu in machine.gpus) or "none"
    found = f"{listed}; the profile needs {needs.gpus} with {needs.gpu_memory_gb:.0f} GB or more"
    busy = [gpu for gpu in machine.gpus if gpu.free < FREE * gpu.memory]
    return [
        Check("gpus", len(large) >= needs.gpus, found, "profile paper-1gpu (one GPU), or mini"),
        Check("gpu memory", not busy, f"{len(busy)} in use", "stop what runs on them; `nvidia-smi` lists it"),
    ]


def check_fit(machine: Machine, rows: Sequence[tuple[str, float]]) -> list[Check]:
    """Peak memory of each kind of training, in GB, against the smallest GPU."""
    size = min((gpu.memory for gpu in machine.gpus), default=0.0)
    there = f"a GPU here has {size:.0f} GB" if size else "no GPU to compare with"
    fix = "a smaller per_device_train_batch_size with more gradient_accumulation_steps, or profile paper-1gpu"
    return [
        Check(f"memory of {name}", peak <= size if size else None, f"about {peak:.0f} GB; {there}", fix if size else "")
        for name, peak in rows
    ]


def check_disk(machine: Machine, needed: float) -> Check:
    """Space for models, policies and checkpoints, in GB."""
    found = f"{machine.disk_free:,.0f} GB free, about {needed:,.0f} GB needed"
    return Check("disk", machine.disk_free >= needed, found, "another --runs folder, or fewer --methods and --seeds")
