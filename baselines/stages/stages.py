"""Run one stage, as the grid calls it: one process, one lock, one progress file, one log."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
import traceback
from contextlib import AbstractContextManager
from dataclasses import replace

from anatomy_r1.arithmetic import use_portable
from anatomy_r1.bases import split_model
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import split_row
from anatomy_r1.locks import locked
from anatomy_r1.provenance import ROOT
from anatomy_r1.results.store import AS_RELEASED, MATCHED
from baselines.experiment.cell import Cell, GridRun, evaluation_digest, settings
from baselines.experiment.profile import Profile, digest
from baselines.runtime.determinism import ENVIRONMENT, use_deterministic
from baselines.runtime.processes import die_with_parent, gpu_memory_gb, is_first, one_gpu, start_workers, visible
from baselines.runtime.progress import Progress, ProgressCallback, reporter, silent, write_progress


def parse_cell(name: str) -> Cell:
    """`benchmark/model/method/seed0` -> Cell; `as-released` may precede the seed.

    Raises:
        AnatomyR1Error: The name has another form.
    """
    if not re.fullmatch(rf"[^/]+(/[^/]+){{2}}(/{AS_RELEASED})?/seed[0-9]+", name):
        fix = "BENCHMARK/MODEL/METHOD/seedN, such as sgg_anatomy/qwen2.5-vl-3b/grpo/seed0"
        raise AnatomyR1Error(f"{name!r}: no name of a training. Fix: {fix}")
    benchmark, folder, method, *data, seed = name.split("/")
    model, base = split_model(folder)
    number = int(seed.removeprefix("seed"))
    return Cell(benchmark, model, method, number, data=data[0] if data else MATCHED, base=base)


def parse_evaluation(name: str) -> tuple[Cell, str]:
    """`benchmark/model/method/arm/seed0` -> Cell and arm; a view may follow the method, as in `grpo@no-image`."""
    benchmark, model, row, arm, seed = name.split("/")
    method, view = split_row(row)
    return replace(parse_cell(f"{benchmark}/{model}/{method}/{seed}"), view=view).in_arm(arm), arm


def run_stage(stage: str, name: str, run: GridRun, began_with: str = "") -> None:
    """Run one stage; a failure is recorded in its progress file, where the grid finds it, then raised.

    `began_with` is the digest that the grid has of a training or an evaluation; empty where there is none to compare.
    """
    layout = run.layout
    progress, lock = layout.progress(stage, name), layout.root / "work" / f"{digest([stage, name])}.lock"
    began = time.time()
    write_progress(progress, Progress(name, "running", started=began))
    try:
        _check_settings(stage, name, run.profile, began_with)
        with locked(lock):  # waits for a process of a killed grid that still does the same work
            _limit_threads(run.profile)
            if run.profile.arithmetic == "portable":
                use_portable()
            if run.profile.deterministic:
                use_deterministic()
            _run(stage, name, run, reporter(progress, name))
    except BaseException as error:
        traceback.print_exc()
        reason, log = f"{type(error).__name__}: {error}", layout.log(stage, name)
        near = log.relative_to(ROOT) if log.is_relative_to(ROOT) else log  # shorter, and the same on every machine
        write_progress(progress, Progress(name, "failed", reason=reason, log=str(near)))
        raise
    write_progress(progress, Progress(name, "done", 1, 1, started=began))


def _check_settings(stage: str, name: str, profile: Profile, began_with: str) -> None:
    """Each stage reads the profile and the method files again, hours or days after the grid has.

    Raises:
        AnatomyR1Error: One of them was changed meanwhile: the stage would be recorded as what the grid asked for.
    """
    if not began_with:
        return
    if stage == "train":
        found = digest(settings(profile, parse_cell(name)))
    else:
        found = evaluation_digest(profile, parse_evaluation(name)[0])
    if found != began_with:
        told = f"{stage} {name}: its settings are no longer those that the grid began with"
        fix = "leave the profile and the method files alone while a grid runs; the same command runs what is missing"
        raise AnatomyR1Error(f"{told} (profile, method file or similarities were changed). Fix: {fix}")


def _limit_threads(profile: Profile) -> None:
    """One thread per process on a CPU: under contention two take several times as long as one."""
    if profile.needs.gpus == 0:
        os.environ["OMP_NUM_THREADS"] = "1"
        import torch

        torch.set_num_threads(1)


def _run(stage: str, name: str, run: GridRun, report: ProgressCallback) -> None:
    layout, profile = run.layout, run.profile
    match stage:
        case "world":
            from anatomy_r1.mini.samples import write_sample_page
            from anatomy_r1.mini.world import WorldSpec, write_world

            shutil.rmtree(layout.world(), ignore_errors=True)  # a changed recipe runs this stage again
            write_world(layout.world(), WorldSpec(**profile.world))
            write_sample_page(layout.world(), layout.world() / "samples")
        case "data":
            from baselines.stages.data import prepare

            prepare(run, name)
        case "released":
            from baselines.stages.data import prepare_released

            prepare_released(run, *name.split("/"))
        case "base":
            from baselines.stages.base import make_base
            from baselines.stages.inputs import weights
            from baselines.stages.replaced import set_aside_trained_from

            before = weights(layout.base(name))
            make_base(profile, *split_model(name), layout.base(name))
            if before and before != weights(layout.base(name)):
                set_aside_trained_from(layout, name)
        case "train":
            from baselines.stages.inputs import forget_other_inputs
            from baselines.stages.train import train

            forget_other_inputs(run, parse_cell(name))
            if profile.launch.processes == 1:
                with _own_gpu(run):  # transformers would split each batch over all GPUs that it sees
                    train(run, parse_cell(name), report)
            else:
                start_training(name, run)
        case "evaluate":
            from baselines.stages.evaluate import evaluate_cell

            with _own_gpu(run):
                evaluate_cell(run, *parse_evaluation(name), report)
        case _:
            raise ValueError(f"no stage {stage!r}")


def _own_gpu(run: GridRun) -> AbstractContextManager[str]:
    """One of the GPUs, which no other stage of the run holds; nothing where the profile needs none.

    Jobs of SLURM share a file system, and each calls its own GPUs 0, 1, ...: their locks lie apart.
    """
    gpus = visible(len(gpu_memory_gb())) if run.profile.needs.gpus else []
    return one_gpu(gpus, run.layout.root / "work" / "gpus" / os.environ.get("SLURM_JOB_ID", ""))


def start_training(name: str, run: GridRun) -> None:
    """Start this machine's processes of a training, and wait until they end."""
    words = ["--profile", run.source, "--root", str(run.layout.root), "--report-to", run.report_to]
    words += [word for file in run.method_files for word in ("--method-file", file)]
    # Without GPUs: accelerate names the devices of several processes `cpu:0`, which torch.load refuses on resuming.
    on_cpu = {"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"}
    environment = {} if run.profile.needs.gpus else on_cpu
    environment |= ENVIRONMENT if run.profile.deterministic else {}
    start_workers(run.profile.launch, ["worker", *words, name], environment)


def work(name: str, run: GridRun) -> None:
    """One process of a training with several; the first one reports progress."""
    from baselines.stages.train import train

    die_with_parent(signal.SIGTERM)
    _limit_threads(run.profile)
    if run.profile.deterministic:
        use_deterministic()
    report = reporter(run.layout.progress("train", name), name) if is_first() else silent
    train(run, parse_cell(name), report)
