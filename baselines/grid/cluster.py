"""Where the grid's stages run: on this machine, or as SLURM jobs through Snakemake's executor.

A job requests what the plan says its stage takes: GPUs, CPUs, main memory, and time with a margin. A job that dies is
submitted again and resumes from its last checkpoint; SLURM may also requeue it.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from baselines.experiment.plan import Stage, gpus_of
from baselines.experiment.profile import Profile

MARGIN = 3.0
"""Time limit of a job relative to its stage's estimate (ours); a job that exceeds it is started again."""
SHORTEST = 10
"""Shortest time limit in minutes (ours)."""
SUBMITTED_AGAIN = 2
"""How often a job that died is submitted again (ours)."""
PLUGIN = "snakemake_executor_plugin_slurm"
FIX = "pip install --no-deps -r baselines/grid/cluster.txt (docs/paper-run.md says why)"


@dataclass(frozen=True)
class Cluster:
    """Where stages run, from the command line."""

    executor: str = "local"
    partition: str = ""
    account: str = ""
    extra: str = ""
    """Additional arguments of sbatch, such as `--constraint=a100`."""


@dataclass(frozen=True)
class Resources:
    """What the job of one stage requests, by Snakemake's names."""

    gpu: int
    cpus_per_task: int
    mem_mb: int
    runtime: int
    """Minutes."""


def resources(profile: Profile, stage: Stage) -> Resources:
    """Resources of one stage; on this machine only `gpu` matters."""
    processes = profile.launch.processes if stage.stage == "train" else 1
    return Resources(
        gpu=gpus_of(profile, stage.stage),
        cpus_per_task=processes * profile.needs.cpus,
        mem_mb=round(processes * profile.needs.host_memory_gb * 1000),
        runtime=max(SHORTEST, math.ceil(stage.seconds * MARGIN / 60)),
    )


def executor_words(cluster: Cluster, profile: Profile, jobs: int, logs: Path) -> list[str]:
    """Snakemake's arguments for the executor.

    Raises:
        AnatomyR1Error: when the executor is unknown or its plugin is not installed.
    """
    if cluster.executor == "local":
        return ["--cores", str(jobs), "--resources", f"gpu={profile.needs.gpus}"]
    if cluster.executor != "slurm":
        raise AnatomyR1Error(f"executor {cluster.executor!r}: unknown. Fix: local or slurm")
    if find_spec(PLUGIN) is None:
        raise AnatomyR1Error(f"executor slurm: Snakemake's plugin is not installed. Fix: {FIX}")
    asked = [f"slurm_partition={cluster.partition}"] if cluster.partition else []
    asked += [f"slurm_account={cluster.account}"] if cluster.account else []
    asked += [f"slurm_extra='{cluster.extra}'"] if cluster.extra else []
    return [
        *("--executor", "slurm", "--jobs", str(jobs), "--retries", str(SUBMITTED_AGAIN), "--latency-wait", "60"),
        *("--slurm-logdir", str(logs), "--slurm-keep-successful-logs", "--slurm-requeue"),
        *("--slurm-status-command", _status_command(), "--slurm-init-seconds-before-status-checks", "10"),
        *(() if cluster.account else ("--slurm-no-account",)),
        *(("--default-resources", *asked) if asked else ()),
    ]


def _status_command() -> str:
    """Sacct needs an accounting database; without one it knows no job, and the grid would wait forever."""
    if shutil.which("scontrol") is None:
        raise AnatomyR1Error("executor slurm: no scontrol here. Fix: start the grid on a machine that can submit jobs")
    shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    kind = next((line for line in shown.splitlines() if line.startswith("AccountingStorageType")), "")
    return "squeue" if kind.rstrip().endswith(("accounting_storage/none", "(null)")) else "sacct"


def by_output(profile: Profile, root: Path, every: Sequence[Stage]) -> dict[str, dict[str, int]]:
    """Output of each stage, relative to the runs folder -> its resources, for the Snakefile."""
    return {str(stage.output.relative_to(root)): asdict(resources(profile, stage)) for stage in every}
