"""Processes and GPUs of a training: how processes are started, which one is first, and that none outlives its parent.

On one GPU or a CPU a stage trains in its own process. On several GPUs it starts `python -m baselines worker` once per
GPU: through accelerate when the profile names a configuration in `baselines/runtime/accelerate/` (DeepSpeed, FSDP),
otherwise through `torch.distributed.run` (DDP).

Snakemake counts GPUs but does not say which one a job gets, so four concurrent evaluations would all use the first.
Each stage of one process locks a GPU instead, and sees no other; the kernel releases the lock when its holder dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.locks import try_lock
from anatomy_r1.provenance import ROOT, gpus

if TYPE_CHECKING:  # a stage's client, which only waits, would spend a second on them
    from baselines.experiment.profile import Profile
    from baselines.experiment.profile_file import Launch

ACCELERATE = Path(__file__).parent / "accelerate"


def is_first() -> bool:
    """Whether this is the process that writes what only one may write."""
    return int(os.environ.get("RANK", "0")) == 0


def process_count() -> int:
    """Processes of this training."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def barrier() -> None:
    """Wait for the other processes, if there are any."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def start_workers(launch: Launch, words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run `python -m baselines WORDS` in all processes until they end; they do not outlive this one (Linux)."""
    command = launch_command(launch, words)
    print(" ".join(command), flush=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    by = partial(die_with_parent, signal.SIGTERM)  # which a launcher passes on to its workers
    process = subprocess.Popen(command, env=env, preexec_fn=by)  # noqa: PLW1509  (no threads yet)
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        raise AnatomyR1Error(f"a process of the training ended with status {code}; the reason is above in this log")


def launch_command(launch: Launch, words: Sequence[str]) -> list[str]:
    """The launcher's command line; ANATOMY_R1_LAUNCH_ARGS adds arguments for the launcher (docs/paper-run.md)."""
    extra = os.environ.get("ANATOMY_R1_LAUNCH_ARGS", "").split()
    if not launch.accelerate:
        head = ["torch.distributed.run", "--nproc_per_node", str(launch.processes), *(extra or ["--standalone"])]
        return [sys.executable, "-m", *head, "-m", "baselines", *words]
    config = ACCELERATE / f"{launch.accelerate}.yaml"
    if not config.is_file():
        known = ", ".join(sorted(path.stem for path in ACCELERATE.glob("*.yaml")))
        raise AnatomyR1Error(f"launch.accelerate {launch.accelerate!r}: no such file; there are: {known}")
    head = ["accelerate.commands.launch", "--config_file", str(config), "--num_processes", str(launch.processes)]
    return [sys.executable, "-m", *head, *extra, "--module", "baselines", *words]


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """In a child, or as its `preexec_fn`: end when the parent dies (Linux; elsewhere this does nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, by)  # PR_SET_PDEATHSIG in <linux/prctl.h>


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

    `candidates` are named as in CUDA_VISIBLE_DEVICES; all stages on this machine share the folder `locks`.
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
                    os.environ.pop(VISIBLE, None)
                    if before is not None:
                        os.environ[VISIBLE] = before
                return
        time.sleep(poll)
