"""Processes of one training: how they are started, which one is first, and that none outlives its parent.

On one GPU or a CPU a stage trains in its own process. On several GPUs it starts `python -m baselines worker` once per
GPU: through accelerate when the profile names a configuration in `baselines/runtime/accelerate/` (DeepSpeed, FSDP),
otherwise through `torch.distributed.run` (DDP).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import ROOT
from baselines.experiment.profile_file import Launch

ACCELERATE = Path(__file__).parent / "accelerate"
PR_SET_PDEATHSIG = 1
"""Linux, <linux/prctl.h>: the signal that the kernel sends to a process when its parent dies."""


def is_first() -> bool:
    """Whether this is the process that writes what only one may write."""
    return int(os.environ.get("RANK", "0")) == 0


def barrier() -> None:
    """Wait for the other processes, if there are any."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def start_workers(launch: Launch, words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run `python -m baselines WORDS` in all processes until they end; they do not outlive this one (Linux).

    Raises:
        AnatomyR1Error: when one of them failed; their output is in the stage's log.
    """
    command = launch_command(launch, words)
    print(" ".join(command), flush=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=env, preexec_fn=terminate_with_parent)  # noqa: PLW1509  (no threads yet)
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        raise AnatomyR1Error(f"a process of the training ended with status {code}; the reason is above in this log")


def launch_command(launch: Launch, words: Sequence[str]) -> list[str]:
    """The launcher's command line.

    `ANATOMY_R1_LAUNCH_ARGS` adds arguments for the launcher itself, for several machines (see `docs/paper-run.md`).

    Raises:
        AnatomyR1Error: when the profile names a configuration that does not exist.
    """
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
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)


def terminate_with_parent() -> None:
    """The same with SIGTERM, which a launcher passes on to its workers."""
    die_with_parent(signal.SIGTERM)
