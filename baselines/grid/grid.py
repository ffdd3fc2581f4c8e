"""Run the grid: write Snakemake's configuration, start it, and show its progress.

Only one grid runs in a folder. This process and Snakemake hold a kernel lock, which is released exactly when both are
gone, whatever killed them. Snakemake's own lock file, which goes stale, is not used (`--nolock`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import VIEWS
from anatomy_r1.locks import try_lock
from anatomy_r1.provenance import ROOT
from baselines.experiment.cell import GridRun, Layout
from baselines.experiment.plan import Selection, evaluations, lineage, stages
from baselines.experiment.profile import Profile, digest
from baselines.experiment.settings import settings
from baselines.grid.cluster import Cluster, by_output, executor_words
from baselines.grid.pool import pool
from baselines.grid.progress_bar import show_progress, summary
from baselines.methods.registry import add_methods
from baselines.runtime.processes import die_with_parent

FIXED = {
    "PYTHONPATH": str(ROOT),
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Environment variables of all stages."""
LOCAL = Cluster()


def run_grid(run: GridRun, selection: Selection, jobs: int, cluster: Cluster = LOCAL) -> bool:
    """Run what is missing, `jobs` processes at a time, here or on a cluster; True when every stage is done.

    Raises:
        AnatomyR1Error: when another grid runs in the same folder.
    """
    layout = run.layout
    where = executor_words(cluster, run.profile, jobs, layout.root / "logs" / "slurm")
    layout.root.mkdir(parents=True, exist_ok=True)
    with (layout.root / "grid.lock").open("w") as lock:
        if not try_lock(lock):
            raise AnatomyR1Error(f"another grid runs in {layout.root}; wait until it ends, or stop it")
        todo = stages(run.profile, layout, selection)
        config = layout.root / "grid.json"
        for path in (layout.root / "progress").glob("**/*.json"):  # of an earlier run
            path.unlink()
        os.environ.update(FIXED)  # the pool's process inherits them
        with pool(run.profile.needs.gpus, cluster.executor) as address:
            asked = {"resources": by_output(run.profile, layout.root, todo)}
            config.write_text(json.dumps({**configuration(run, selection), **asked, "pool": address}, indent=1))
            process = _start(layout, config, where, lock)
            show_progress(process, layout, todo)
    return summary(process.returncode, layout, todo)


def configuration(run: GridRun, selection: Selection) -> dict[str, Any]:
    """Input of the Snakefile. When a digest changes, Snakemake runs its stage again."""
    profile, here = run.profile, Layout(Path())
    evaluated = evaluations(profile, selection)
    every = {cell.name: cell for leaf, _ in evaluated for cell in lineage(leaf)}
    starts = {
        name: str(here.start(cell) / ("training.json" if cell.parent() else "config.json"))
        for name, cell in every.items()
    }
    policies = {cell.under(arm): str(here.evaluation_input(cell)) for cell, arm in evaluated}
    digests = _digests(profile, selection)
    for name, cell in every.items():
        digests[f"train/{name}"] = digest(settings(profile, cell))
    for cell, arm in evaluated:
        evaluation = {**profile.evaluation, **VIEWS[cell.view]}
        parts = [digests[f"train/{cell.name}"], evaluation, profile.data[cell.benchmark]]
        digests[f"evaluate/{cell.under(arm)}"] = digest(parts)
    return {
        "python": sys.executable,
        "profile": str(Path(run.source).resolve()) if run.source.endswith((".yaml", ".yml")) else run.source,
        "report_to": run.report_to,
        "method_files": list(run.method_files),
        "own": [method.id for method in add_methods(run.method_files)],
        "world": ["world/world.json"] if profile.generated else [],
        "targets": [str(here.result(cell, arm)) for cell, arm in evaluated],
        "starts": starts,
        "sets": {name: str(here.learns_from(cell) / "manifest.json") for name, cell in every.items()},
        "policies": policies,
        "digests": digests,
    }


def _digests(profile: Profile, selection: Selection) -> dict[str, str]:
    world = ""
    bases = {model: digest(profile.models[model]) for model in selection.models}
    if profile.generated:
        from anatomy_r1.mini.base import recipe_hash
        from anatomy_r1.mini.world import WorldSpec, world_hash

        world = world_hash(WorldSpec(**profile.world))
        sources = {model: profile.models[model] for model in selection.models}
        bases = {model: digest([recipe_hash(source["mini"]), dict(source)]) for model, source in sources.items()}
    return {
        "world": world,
        **{f"base/{model}": found for model, found in bases.items()},
        **{f"data/{name}": digest([world, profile.data[name]]) for name in selection.benchmarks},
        **{f"released/{name}": digest([world, dict(options)]) for name, options in profile.released.items()},
    }


def _start(layout: Layout, config: Path, where: Sequence[str], lock: TextIO) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "baselines" / "grid" / "Snakefile")),
        *("--directory", str(layout.root), "--configfile", str(config), *where),
        *("--nolock", "--rerun-incomplete", "--keep-going", "--rerun-triggers", "mtime", "params", "input"),
    ]
    log = (layout.root / "snakemake.log").open("wb")
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **FIXED},
        stdout=log,
        stderr=subprocess.STDOUT,
        pass_fds=[lock.fileno()],
        preexec_fn=die_with_parent,  # noqa: PLW1509  (no threads yet)
    )


def default_jobs() -> int:
    """One single-threaded process per core."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
