"""One GPU to each stage that needs one: the first that no other stage holds, by a lock that dies with its holder.

Snakemake counts GPUs and does not say which: four evaluations at a time would all compute on the first.

What a profile needs that this machine lacks, in words with a fix.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anatomy_r1.provenance import gpus
from baselines.experiment.profile import Profile

VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextmanager
def one_gpu(candidates: Sequence[str], locks: Path, poll: float = 1.0) -> Iterator[str]:
    """Hold one of `candidates`, waiting for it, and make it the only one that CUDA sees; none given: nothing is done.

    Args:
        candidates: names as in CUDA_VISIBLE_DEVICES.
        locks: folder of the locks, shared by all stages of this machine.
        poll: seconds between two looks.
    """
    if not candidates:
        yield ""
        return
    locks.mkdir(parents=True, exist_ok=True)
    before = os.environ.get(VISIBLE)
    while True:
        for name in candidates:
            with (locks / f"gpu-{name.replace('/', '_')}.lock").open("w") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
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


def visible(count: int) -> list[str]:
    """GPUs that this process may use: those a scheduler or user named, else all `count` that there are."""
    named = os.environ.get(VISIBLE)
    if named is None:
        return [str(number) for number in range(count)]
    return [name for name in named.split(",") if name and name != "-1"]


def missing_gpus(profile: Profile) -> list[str]:
    """Reasons why the profile cannot run here; empty when it can."""
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


def gpu_memory_gb() -> list[float]:
    """Memory of each NVIDIA GPU, as the driver reports it; empty without a driver."""
    return [gpu.memory for gpu in gpus()]
