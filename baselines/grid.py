"""Run the grid: write Snakemake's configuration, start it, show progress with an estimate, say what failed and why.

Only one grid runs on a folder: the kernel lock is held by this process and by Snakemake, so it is free again exactly
when both are gone, whatever killed them. Snakemake's own lock file, which goes stale, is left out (`--nolock`).
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.views import VIEWS
from baselines.cell import Layout, Run
from baselines.children import die_with_parent
from baselines.cluster import Cluster, by_output, executor_words
from baselines.methods import add_methods
from baselines.plan import Selection, Stage, evaluations, lineage, stages
from baselines.pool import pool
from baselines.profile import Profile, digest
from baselines.progress import Progress, read_progress, share_done
from baselines.train import settings

REPOSITORY = Path(__file__).resolve().parent.parent
FIXED = {
    "PYTHONPATH": str(REPOSITORY),
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""What all stages find in their environment."""
LOCAL = Cluster()
TERMINAL_SECONDS, FILE_SECONDS = 1.0, 30.0
"""Between two looks at the progress: a terminal's line is rewritten, a file's grows."""


def run_grid(run: Run, selection: Selection, jobs: int, cluster: Cluster = LOCAL) -> bool:
    """Run what is missing, `jobs` processes at a time, here or on a cluster; True when every stage is done.

    Raises:
        AnatomyR1Error: when another grid runs on the same folder.
    """
    layout = run.layout
    where = executor_words(cluster, run.profile, jobs, layout.root / "logs" / "slurm")
    layout.root.mkdir(parents=True, exist_ok=True)
    with (layout.root / "grid.lock").open("w") as lock:
        _take(lock, layout.root)
        todo = stages(run.profile, layout, selection)
        config = layout.root / "grid.json"
        _forget_progress(layout)
        os.environ.update(FIXED)  # the pool's process starts with them
        with pool(run.profile.needs.gpus, cluster.executor) as address:
            asked = {"resources": by_output(run.profile, layout.root, todo)}
            config.write_text(json.dumps({**configuration(run, selection), **asked, "pool": address}, indent=1))
            process = _start(layout, config, where, lock)
            _watch(process, layout, todo)
    return _summary(process.returncode, layout, todo)


def configuration(run: Run, selection: Selection) -> dict[str, Any]:
    """What the Snakefile needs to know. A digest that changes makes Snakemake run its stage again."""
    profile, here = run.profile, Layout(Path())
    evaluated = evaluations(profile, selection)
    every = {cell.name: cell for leaf, _ in evaluated for cell in lineage(leaf)}
    starts = {
        name: str(here.start(cell) / ("training.json" if cell.parent() else "config.json"))
        for name, cell in every.items()
    }
    policies = {cell.under(arm): str(here.answers_with(cell)) for cell, arm in evaluated}
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
    digests = {}
    if profile.generated:
        from anatomy_r1.mini.base import recipe_hash
        from anatomy_r1.mini.world import WorldSpec, world_hash

        world = world_hash(WorldSpec(**profile.world))
        for model in selection.models:
            model_source = profile.models[model]
            digests[f"base/{model}"] = digest([recipe_hash(model_source["mini"]), dict(model_source)])
    else:
        digests = {f"base/{model}": digest(profile.models[model]) for model in selection.models}
    digests["world"] = world
    digests |= {f"released/{b}": digest([world, dict(options)]) for b, options in profile.released.items()}
    return digests | {f"data/{b}": digest([world, profile.data[b]]) for b in selection.benchmarks}


def _take(lock: TextIO, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AnatomyR1Error(f"another grid runs in {root}; wait for it, or stop it and try again") from error


def _start(layout: Layout, config: Path, where: Sequence[str], lock: TextIO) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "baselines" / "Snakefile")),
        *("--directory", str(layout.root), "--configfile", str(config), *where),
        *("--nolock", "--rerun-incomplete", "--keep-going", "--rerun-triggers", "mtime", "params", "input"),
    ]
    log = (layout.root / "snakemake.log").open("wb")
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **FIXED},
        stdout=log,
        stderr=subprocess.STDOUT,
        pass_fds=[lock.fileno()],
        preexec_fn=die_with_parent,  # noqa: PLW1509  (no threads yet)
    )


def _forget_progress(layout: Layout) -> None:
    for path in (layout.root / "progress").glob("**/*.json"):
        path.unlink()


def _watch(process: subprocess.Popen[bytes], layout: Layout, todo: Sequence[Stage]) -> None:
    """A bar in seconds of expected work; its rate turns them into an estimate of the time left."""
    before = {stage.output for stage in todo if stage.output.exists()}
    total = sum(stage.seconds for stage in todo if stage.output not in before)
    terminal = sys.stderr.isatty()
    shape = "{percentage:3.0f}% |{bar:20}| {elapsed} elapsed, about {remaining} left{postfix}"
    with tqdm(total=round(total) or 1, bar_format=shape, file=sys.stderr if terminal else io.StringIO()) as bar:
        while process.poll() is None:
            _show(bar, layout, todo)
            if not terminal:
                print(bar, file=sys.stderr, flush=True)
            try:
                process.wait(TERMINAL_SECONDS if terminal else FILE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
        _show(bar, layout, todo)


def _show(bar: Any, layout: Layout, todo: Sequence[Stage]) -> None:
    seconds = {(stage.stage, stage.name): stage.seconds for stage in todo}
    spent, running = 0.0, []
    for stage, progress in _states(layout):
        expected = seconds.get((stage, progress.name), 0.0)
        share = share_done(progress, expected, time.time())
        spent += share * expected
        if progress.state == "running":
            running.append(f"{stage} {progress.name} {share:.0%}")
    bar.set_postfix_str(" | " + "; ".join(running) if running else "", refresh=False)
    bar.n = min(round(spent), bar.total)
    bar.refresh()


def _states(layout: Layout) -> list[tuple[str, Progress]]:
    root = layout.root / "progress"
    return [(folder.name, p) for folder in sorted(root.glob("*")) for p in read_progress(folder)]


def _summary(code: int, layout: Layout, todo: Sequence[Stage]) -> bool:
    """Say which stages failed, why, and where their log is; what waited for them did not run."""
    failed = [(stage, p) for stage, p in _states(layout) if p.state == "failed"]
    missing = [stage for stage in todo if not stage.output.exists()]
    for stage, progress in failed:
        print(f"FAILED {stage} {progress.name}: {progress.reason}\n       log: {progress.log}", file=sys.stderr)
    if missing:
        print(f"{len(missing)} of {len(todo)} stages are not done; the same command goes on from here", file=sys.stderr)
    if code and not failed:
        tail = (layout.root / "snakemake.log").read_text(errors="replace").splitlines()[-15:]
        print("Snakemake stopped:", *tail, f"log: {layout.root / 'snakemake.log'}", sep="\n  ", file=sys.stderr)
    return code == 0 and not missing


def default_jobs() -> int:
    """One single-threaded process a core."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def wait_note(started: float) -> str:
    """`12 min 5 s`, for the last line of a run."""
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    return f"{minutes} min {seconds} s"
