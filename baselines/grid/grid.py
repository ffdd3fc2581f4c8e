"""Run the grid: write Snakemake's configuration, start it here or on SLURM, and show its progress.

Only one grid runs in a folder. This process and Snakemake hold a kernel lock, which is released exactly when both are
gone, whatever killed them. Snakemake's own lock file, which goes stale, is not used (`--nolock`).

A SLURM job requests what the plan says its stage takes: GPUs, CPUs, main memory, and time with a margin. A job that
dies is submitted again and resumes from its last checkpoint; SLURM may also requeue it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from anatomy_r1.bases import model_folder
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.locks import try_lock
from anatomy_r1.provenance import ROOT
from baselines.experiment.cell import GridRun, Layout, evaluation_digest, settings
from baselines.experiment.finished import refuse_other_processes
from baselines.experiment.plan import Selection, Stage, data_sets, evaluations, gpus_of, lineage, stages, trainings
from baselines.experiment.profile import Profile, digest
from baselines.grid.pool import pool
from baselines.grid.progress_bar import show_progress, states
from baselines.methods.registry import add_methods
from baselines.runtime.processes import die_with_parent
from baselines.stages.base import base_digest
from baselines.stages.replaced import FOLDER as REPLACED
from baselines.stages.replaced import set_aside

MARGIN = 3.0
"""Time limit of a job relative to its stage's estimate (ours); a job that exceeds it is started again."""
FIXED = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Environment variables of all stages."""

PENDING = "update pending"
"""Snakemake's word in the last column of its summary for an output that it would make, again or for the first time."""


@dataclass(frozen=True)
class Cluster:
    """Where stages run, from the command line."""

    executor: str = "local"
    partition: str = ""
    account: str = ""
    extra: str = ""
    """Additional arguments of sbatch, such as `--constraint=a100`."""


LOCAL = Cluster()


def run_grid(run: GridRun, selection: Selection, jobs: int, cluster: Cluster = LOCAL) -> bool:
    """Run what is missing, `jobs` processes at a time, here or on a cluster; True when every stage is done."""
    layout = run.layout
    where = executor_words(cluster, run.profile, jobs, layout.root / "logs" / "slurm")
    layout.root.mkdir(parents=True, exist_ok=True)
    with (layout.root / "grid.lock").open("w") as lock:
        if not try_lock(lock):
            raise AnatomyR1Error(f"another grid runs in {layout.root}; wait until it ends, or stop it")
        refuse_other_processes(run.profile, layout, trainings(run.profile, selection))
        todo = stages(run.profile, layout, selection)
        config = layout.root / "grid.json"
        for path in (layout.root / "progress").glob("**/*.json"):  # of an earlier run
            path.unlink()
        os.environ.update(FIXED)  # the pool's process inherits them
        again = to_replace(run, selection)
        if aside := set_aside(layout, again):
            told = f"{len(aside)} results of other settings are made again; they are in {layout.root / REPLACED}"
            print(told, file=sys.stderr)
        with pool(run.profile.needs.gpus, cluster.executor) as address:
            config.write_text(json.dumps(_whole_configuration(run, selection, address), indent=1))
            process = _start(layout, config, where, lock)
            show_progress(process, layout, todo, jobs, again)
    return summary(process.returncode, layout, todo)


def to_replace(run: GridRun, selection: Selection) -> frozenset[Path]:
    """Outputs of the selection that are there and would be made again, since something before them has changed."""
    layout = run.layout
    if not any(stage.output.exists() for stage in stages(run.profile, layout, selection)):
        return frozenset()
    with tempfile.TemporaryDirectory(prefix="anatomy-r1-") as folder:
        config = Path(folder) / "grid.json"
        config.write_text(json.dumps(_whole_configuration(run, selection, "")))
        command = [*_command(layout, config, ["--cores", "1"]), "--summary"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:  # the run will say why
        return frozenset()
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return frozenset(path for *row, plan in rows if plan == PENDING and (path := layout.root / row[0]).exists())


def _whole_configuration(run: GridRun, selection: Selection, address: str) -> dict[str, Any]:
    """The `configuration`, with what each stage takes, and the address of the pool."""
    asked = by_output(run.profile, run.layout.root, stages(run.profile, run.layout, selection))
    return {**configuration(run, selection), "resources": asked, "pool": address}


def configuration(run: GridRun, selection: Selection) -> dict[str, Any]:
    """Input of the Snakefile. When a digest changes, Snakemake runs its stage again."""
    profile, here = run.profile, Layout(Path())
    evaluated = evaluations(profile, selection)
    every = {cell.name: cell for leaf, _ in evaluated for cell in lineage(leaf)}
    digests = _digests(profile, selection)
    for name, cell in every.items():
        digests[f"train/{name}"] = digest(settings(profile, cell))
    for cell, arm in evaluated:
        digests[f"evaluate/{cell.under(arm)}"] = evaluation_digest(profile, cell)
    return {
        "python": sys.executable,
        "cwd": str(Path.cwd()),
        "profile": str(Path(run.source).resolve()) if run.source.endswith((".yaml", ".yml")) else run.source,
        "report_to": run.report_to,
        "arithmetic": profile.arithmetic,
        "method_files": list(run.method_files),
        "own": [method.id for method in add_methods(run.method_files)],
        "world": ["world/world.json"] if profile.generated else [],
        "targets": [str(here.result(cell, arm)) for cell, arm in evaluated],
        "starts": {
            name: str(here.start(cell) / ("training.json" if cell.parent() else "config.json"))
            for name, cell in every.items()
        },
        "sets": {name: str(here.learns_from(cell) / "manifest.json") for name, cell in every.items()},
        "asked": {cell.under(arm): str(here.data(cell.asked) / "manifest.json") for cell, arm in evaluated},
        "policies": {cell.under(arm): str(here.evaluation_input(cell)) for cell, arm in evaluated},
        "digests": digests,
    }


def _digests(profile: Profile, selection: Selection) -> dict[str, str]:
    world, bases = "", {model_folder(*one): base_digest(profile, *one) for one in selection.base_models}
    if profile.generated:
        from anatomy_r1.mini.world import WorldSpec, world_hash

        world = world_hash(WorldSpec(**profile.world))
    if own := profile.numerics:
        world, bases = digest([world, own]), {model: digest([found, own]) for model, found in bases.items()}
    return {
        "world": world,
        **{f"base/{model}": found for model, found in bases.items()},
        **{f"data/{name}": digest([world, profile.data[name]]) for name in data_sets(profile, selection)},
        **{f"released/{name}": digest([world, dict(options)]) for name, options in profile.released.items()},
    }


def _command(layout: Layout, config: Path, where: Sequence[str]) -> list[str]:
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "baselines" / "grid" / "Snakefile")),
        *("--directory", str(layout.root), "--configfile", str(config), *where),
        *("--nolock", "--rerun-incomplete", "--keep-going", "--rerun-triggers", "mtime", "params", "input"),
    ]


def _start(layout: Layout, config: Path, where: Sequence[str], lock: TextIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _command(layout, config, where),
        cwd=ROOT,
        env={**os.environ, **FIXED},
        stdout=(layout.root / "snakemake.log").open("wb"),
        stderr=subprocess.STDOUT,
        pass_fds=[lock.fileno()],
        preexec_fn=die_with_parent,  # noqa: PLW1509  (no threads yet)
    )


def default_jobs() -> int:
    """One single-threaded process per core."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def resources(profile: Profile, stage: Stage) -> dict[str, int]:
    """What the job of a stage requests, by Snakemake's names, `runtime` in minutes."""
    processes = profile.launch.processes if stage.stage == "train" else 1
    return {
        "gpu": gpus_of(profile, stage.stage),
        "cpus_per_task": processes * profile.needs.cpus,
        "mem_mb": round(processes * profile.needs.host_memory_gb * 1000),
        "runtime": max(10, math.ceil(stage.seconds * MARGIN / 60)),
    }


def by_output(profile: Profile, root: Path, every: Sequence[Stage]) -> dict[str, dict[str, int]]:
    """Output of each stage, relative to the runs folder -> its resources, for the Snakefile."""
    return {str(stage.output.relative_to(root)): resources(profile, stage) for stage in every}


def executor_words(cluster: Cluster, profile: Profile, jobs: int, logs: Path) -> list[str]:
    """Snakemake's arguments for the executor."""
    if cluster.executor == "local":
        return ["--cores", str(jobs), "--resources", f"gpu={profile.needs.gpus}"]
    if cluster.executor != "slurm":
        raise AnatomyR1Error(f"executor {cluster.executor!r}: unknown. Fix: local or slurm")
    if find_spec("snakemake_executor_plugin_slurm") is None:
        fix = "pip install --no-deps -r baselines/grid/cluster.txt (docs/paper-run.md says why)"
        raise AnatomyR1Error(f"executor slurm: Snakemake's plugin is not installed. Fix: {fix}")
    asked = [f"slurm_partition={cluster.partition}"] if cluster.partition else []
    asked += [f"slurm_account={cluster.account}"] if cluster.account else []
    asked += [f"slurm_extra='{cluster.extra}'"] if cluster.extra else []
    return [  # a job that died is submitted again twice (ours)
        *("--executor", "slurm", "--jobs", str(jobs), "--retries", "2", "--latency-wait", "60"),
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


def summary(code: int, layout: Layout, todo: Sequence[Stage]) -> bool:
    """Print which stages failed, why, and where their logs are; True when every stage is done."""
    failed = [(stage, p) for stage, p in states(layout) if p.state == "failed"]
    missing = [stage for stage in todo if not stage.output.exists()]
    for stage, progress in failed:
        print(f"FAILED {stage} {progress.name}: {progress.reason}\n       log: {progress.log}", file=sys.stderr)
    if missing:
        print(f"{len(missing)} of {len(todo)} stages are not done; the same command resumes from here", file=sys.stderr)
    if code and not failed:
        tail = (layout.root / "snakemake.log").read_text(errors="replace").splitlines()[-15:]
        print("Snakemake failed:", *tail, f"log: {layout.root / 'snakemake.log'}", sep="\n  ", file=sys.stderr)
    return code == 0 and not missing
