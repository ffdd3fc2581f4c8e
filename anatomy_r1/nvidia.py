"""What `nvidia-smi` says of this machine: its cards and its driver. Nothing where there is none, or where it fails."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass


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
