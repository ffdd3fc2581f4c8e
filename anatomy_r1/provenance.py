"""What a result was made from: code, lock, packages, hardware.

What `nvidia-smi` says of this machine: its cards and its driver. Nothing where there is none, or where it fails.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """One card, in GB; 0 where the driver does not say, as of memory that it shares with the processor."""

    name: str
    memory: float
    free: float


def gpus() -> tuple[Gpu, ...]:
    """The cards of this machine."""
    return parse_gpus(_smi("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"))


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """Cards, from nvidia-smi's `name, total, free` in MiB."""
    lines = [line.rsplit(",", 2) for line in text.splitlines() if line.strip()]
    return tuple(Gpu(name.strip(), _gb(total), _gb(free)) for name, total, free in lines)


def _gb(mib: str) -> float:
    return float(mib) / 1024 if mib.strip().isdigit() else 0.0


def read_driver() -> tuple[str, tuple[int, int]]:
    """Driver and the newest CUDA it runs; empty and (0, 0) where there is none."""
    return parse_driver(_smi())


def parse_driver(text: str) -> tuple[str, tuple[int, int]]:
    """Driver and the newest CUDA it runs, from nvidia-smi's heading."""
    driver = re.search(r"Driver Version: ([0-9.]+)", text)
    cuda = re.search(r"CUDA Version: ([0-9]+)\.([0-9]+)", text)
    return (driver[1] if driver else ""), ((int(cuda[1]), int(cuda[2])) if cuda else (0, 0))


def _smi(*words: str) -> str:
    if shutil.which("nvidia-smi") is None:
        return ""
    done = subprocess.run(["nvidia-smi", *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


PACKAGES = ("torch", "transformers", "trl", "lm-eval", "datasets", "accelerate", "peft", "vllm", "deepspeed")
ROOT = Path(__file__).resolve().parent.parent


def provenance() -> dict[str, Any]:
    """Commit, dirty flag, lock hash, package versions and processor. `commit` is "" outside a git checkout."""
    return {
        **git_state(),
        "lock_sha256": _lock_hash(),
        "packages": versions(PACKAGES),
        "python": platform.python_version(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": processor(),
            "gpus": [gpu.name for gpu in gpus()],
        },
    }


def stated(record: Any, *path: str) -> Any:
    """What a record says at `path` of nested mappings; None where there is no such place: a store may hold anything."""
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def git_state(root: Path = ROOT) -> dict[str, Any]:
    """Commit of the checkout that runs, and whether tracked files differ from it."""
    commit = git_output(root, "rev-parse", "HEAD")
    return {
        "commit": commit,
        "dirty": bool(commit and git_output(root, "status", "--porcelain", "--untracked-files=no")),
    }


def git_output(root: Path, *arguments: str) -> str:
    """What git prints; "" where it fails, or where there is no git."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _lock_hash() -> str:
    lock = ROOT / "constraints.txt"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""


def versions(names: Iterable[str]) -> dict[str, str]:
    """Name -> version of the packages that are installed; the others are absent."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor(info: Path = Path("/proc/cpuinfo")) -> str:
    """Number, model and vector instructions of the processors that this process may use: `2 x AMD EPYC, AVX2`.

    Other vectors round otherwise, and a tiny network trained from nothing ends up elsewhere.
    """
    lines = info.read_text().splitlines() if info.is_file() else []
    told = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in reversed(lines)}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    flags = told.get("flags", "").split()
    vectors = next((f", {name}" for flag, name in VECTORS.items() if flag in flags), "")
    return f"{cores} x {told.get('model name') or platform.processor()}{vectors}"


VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}
"""Flag of the kernel -> name; the widest first. PyTorch has kernels of its own for each of them."""
