"""GPUs of this machine: whether a profile has enough of them, and one for each stage that needs one.

Snakemake counts GPUs but does not say which one a job gets, so four concurrent evaluations would all use the first.
Each stage locks a GPU instead; the kernel releases the lock when its holder dies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anatomy_r1.locks import try_lock
from anatomy_r1.provenance import gpus
from baselines.experiment.profile import Profile

VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpu_memory_gb() -> list[float]:
    """Memory of each NVIDIA GPU, as the driver reports it; empty without a driver."""
    return [gpu.memory for gpu in gpus()]


def missing_gpus(profile: Profile) -> list[str]:
    """Why the profile cannot run here; empty when it can."""
    if profile.needs.gpus == 0:
        return []
    found = gpu_memory_gb()
    fit = [size for size in found if size >= profile.needs.gpu_memory_gb]
    if len(fit) >= profile.needs.gpus:
        return []
    have = f"{len(found)} found ({', '.join(f'{size:.0f} GB' for size in found)})" if found else "none found"
    return [
        f"it needs {profile.needs.gpus} NVIDIA GPUs of {profile.needs.gpu_memory_gb:.0f} GB or more, {have}: "
        "run it on such a machine, or use `--profile mini`, which needs none"
    ]


def visible(count: int) -> list[str]:
    """GPUs that this process may use: those set by a scheduler or user, otherwise all `count`."""
    named = os.environ.get(VISIBLE)
    if named is None:
        return [str(number) for number in range(count)]
    return [name for name in named.split(",") if name and name != "-1"]


@contextmanager
def one_gpu(candidates: Sequence[str], locks: Path, poll: float = 1.0) -> Iterator[str]:
    """Wait for one of `candidates`, hold it, and make it the only GPU that CUDA sees; without candidates do nothing.

    Args:
        candidates: names as in CUDA_VISIBLE_DEVICES.
        locks: folder of the locks, shared by all stages on this machine.
        poll: seconds between two attempts.
    """
    if not candidates:
        yield ""
        return
    locks.mkdir(parents=True, exist_ok=True)
    before = os.environ.get(VISIBLE)
    while True:
        for name in candidates:
            with (locks / f"gpu-{name.replace('/', '_')}.lock").open("w") as handle:
                if not try_lock(handle):
                    continue
                os.environ[VISIBLE] = name
                try:
                    yield name
                finally:
                    _restore(before)
                return
        time.sleep(poll)


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(VISIBLE, None)
    else:
        os.environ[VISIBLE] = before
