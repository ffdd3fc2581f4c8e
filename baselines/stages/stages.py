"""What each stage does, as the grid calls it: one process, one lock, one progress file, one log."""

from __future__ import annotations

import fcntl
import os
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from anatomy_r1.evaluation.views import parts
from anatomy_r1.provenance import ROOT
from anatomy_r1.results.store import MATCHED
from baselines.experiment.cell import Cell, Run
from baselines.experiment.profile import Profile, digest
from baselines.runtime.processes import terminate_with_parent
from baselines.runtime.progress import Progress, ProgressCallback, reporter, silent, write_progress


def parse_cell(name: str) -> Cell:
    """`benchmark/model/method/seed0`, or with the arm as released before the seed, -> Cell."""
    benchmark, model, method, *data, seed = name.split("/")
    return Cell(benchmark, model, method, int(seed.removeprefix("seed")), data=data[0] if data else MATCHED)


def parse_evaluation(name: str) -> tuple[Cell, str]:
    """`benchmark/model/method/arm/seed0` -> Cell and arm; behind the method may stand a view."""
    benchmark, model, row, arm, seed = name.split("/")
    method, view = parts(row)
    return replace(parse_cell(f"{benchmark}/{model}/{method}/{seed}"), view=view).in_arm(arm), arm


ON_CPU = {"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"}
"""For several processes without GPUs. accelerate calls their devices `cpu:0`, which torch.load refuses at a resume."""


def run_stage(stage: str, name: str, run: Run) -> None:
    """Run one stage to its end; a failure is noted where the grid finds it, then raised."""
    layout = run.layout
    progress = layout.progress(stage, name)
    write_progress(progress, Progress(name, "running"))
    try:
        with _alone(layout.root / "work" / f"{digest([stage, name])}.lock"):
            _limit_threads(run.profile)
            _STAGES[stage](run, name, reporter(progress, name))
    except BaseException as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
        write_progress(progress, Progress(name, "failed", reason=reason, log=str(_near(layout.log(stage, name)))))
        raise
    write_progress(progress, Progress(name, "done", 1, 1))


def _near(path: Path) -> Path:
    """Relative to the checkout where possible: shorter to read, and the same on every machine."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Waits for a process that a killed grid left behind at the same work; the kernel frees the lock of a dead one."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _limit_threads(profile: Profile) -> None:
    """One thread a process on a CPU: two under contention cost several times the time of one."""
    if profile.needs.gpus == 0:
        os.environ["OMP_NUM_THREADS"] = "1"
        import torch

        torch.set_num_threads(1)


def _world(run: Run, name: str, report: ProgressCallback) -> None:
    from anatomy_r1.mini.samples import write_sample_page
    from anatomy_r1.mini.world import WorldSpec, write_world

    shutil.rmtree(run.layout.world(), ignore_errors=True)  # of another recipe: Snakemake runs this when it changed
    write_world(run.layout.world(), WorldSpec(**run.profile.world))
    write_sample_page(run.layout.world(), run.layout.world() / "samples")


def _data(run: Run, benchmark: str, report: ProgressCallback) -> None:
    from baselines.stages.data import prepare

    prepare(run, benchmark)


def _released(run: Run, name: str, report: ProgressCallback) -> None:
    from baselines.stages.data import prepare_released

    prepare_released(run, *name.split("/"))


def _base(run: Run, model: str, report: ProgressCallback) -> None:
    source = run.profile.models[model]
    if "mini" not in source:
        from baselines.stages.base_model import fetch

        fetch(source, run.layout.base(model))
        return
    from anatomy_r1.mini.base import build_base
    from anatomy_r1.mini.recipe import toy

    shutil.rmtree(run.layout.base(model), ignore_errors=True)
    build_base(run.layout.base(model), source["mini"], recipe=toy() if source.get("recipe") == "toy" else None)


def _train(run: Run, name: str, report: ProgressCallback) -> None:
    from baselines.stages.train import train

    if run.profile.launch.processes == 1:
        train(run, parse_cell(name), report)
    else:
        start_training(name, run)


def start_training(name: str, run: Run) -> None:
    """Start this machine's processes of a training, and wait for their end."""
    from baselines.runtime.processes import start_workers

    words = ["--profile", run.source, "--root", str(run.layout.root), "--report-to", run.report_to]
    words += [word for file in run.method_files for word in ("--method-file", file)]
    start_workers(run.profile.launch, ["worker", *words, name], {} if run.profile.needs.gpus else ON_CPU)


def work(name: str, run: Run) -> None:
    """One process of several to one training; the first of them reports."""
    from baselines.runtime.processes import is_first
    from baselines.stages.train import train

    terminate_with_parent()
    _limit_threads(run.profile)
    report = reporter(run.layout.progress("train", name), name) if is_first() else silent
    train(run, parse_cell(name), report)


def _evaluate(run: Run, name: str, report: ProgressCallback) -> None:
    from baselines.runtime.gpus import gpu_memory_gb, one_gpu, visible
    from baselines.stages.evaluate import evaluate_cell

    gpus = visible(len(gpu_memory_gb())) if run.profile.needs.gpus else []
    with one_gpu(gpus, run.layout.root / "work" / "gpus"):
        evaluate_cell(run, *parse_evaluation(name), report)


_STAGES: dict[str, Callable[[Run, str, ProgressCallback], None]] = {
    "world": _world,
    "data": _data,
    "released": _released,
    "base": _base,
    "train": _train,
    "evaluate": _evaluate,
}
