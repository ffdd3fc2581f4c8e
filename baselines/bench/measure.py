"""Measure one case, in a process of its own: `python -m baselines.bench.measure '{"do": "measure", "case": ...}'`."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from anatomy_r1.provenance import processor, provenance, read_driver
from baselines.bench.cases import Case, bench_method, bench_profile, model_entry, write_json
from baselines.bench.inputs import data_of, forbidden, model_of, prepare
from baselines.experiment.settings import arguments
from baselines.preflight.memory import PROMPT, training_memory
from baselines.preflight.model_shape import shape_of
from baselines.runtime.progress import silent

SETTINGS = (
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "steps_per_generation",
    "num_generations",
    "beta",
    "bf16",
    "gradient_checkpointing",
)
"""Trainer arguments that are stored with its numbers."""


def main(asked: dict[str, Any]) -> None:
    """`do: prepare` makes the case's inputs; `do: measure` measures it and writes `out`."""
    import torch

    case, work = Case(**asked["case"]), Path(asked["work"])
    if case.rehearsal:
        torch.set_num_threads(1)
    if asked["do"] == "prepare":
        prepare(work, case, "cpu" if case.rehearsal else "cuda")
    else:
        write_json(Path(asked["out"]), measure(case, work, asked["command"]))


def measure(case: Case, work: Path, command: str) -> dict[str, Any]:
    """Run the case; a failure is a result too.

    Returns:
        `case`, `status` (measured, out of memory, failed), where and when it ran, the plan's estimate; if measured,
        `prompt` (tokens), `memory` (bytes) and the times of `step_timer.summary`, otherwise `error`.
    """
    began = time.monotonic()
    found = {**result_header(case, command), "status": "measured", "plan": _plan(case, work)}
    try:
        found |= _run(case, work)
    except Exception as error:
        found |= failure(error)
    return {**found, "case_seconds": round(time.monotonic() - began, 1)}


def result_header(case: Case, command: str) -> dict[str, Any]:
    """What every result has, measured or not."""
    made = provenance()
    when = time.strftime("%Y-%m-%d", time.gmtime())
    facts = {"commit": made["commit"], "dirty": made["dirty"], "packages": made["packages"], "date": when}
    return {"case": dataclasses.asdict(case), "command": command, **facts, "device": device()}


def device() -> dict[str, Any]:
    """Name, driver, CUDA and PyTorch of the GPU; in a rehearsal, of the CPU."""
    import torch

    common = {"torch": torch.__version__, "cuda": torch.version.cuda or ""}
    if not torch.cuda.is_available():
        return {**common, "name": processor(), "kind": "cpu", "driver": "", "memory": None}
    card = torch.cuda.get_device_properties(0)
    driver, _ = read_driver()
    return {**common, "name": card.name, "kind": "cuda", "driver": driver, "memory": card.total_memory}


def failure(error: BaseException) -> dict[str, Any]:
    """Status and reason; only a GPU's memory counts as `out of memory`."""
    short = type(error).__name__ == "OutOfMemoryError"
    return {"status": "out of memory" if short else "failed", "error": f"{type(error).__name__}: {error}"[:2000]}


def _plan(case: Case, work: Path) -> dict[str, Any]:
    """The plan's estimate for exactly these settings, in bytes."""
    profile = bench_profile(case)
    shape = shape_of(model_entry(case), model_of(work, case))
    given = arguments(profile, bench_method(case.method), 0)
    estimate = training_memory(shape, profile.launch, given, prompt=PROMPT, gpu=0.0, kind="rl")
    return {**dataclasses.asdict(estimate), "peak": estimate.peak, "parameters": shape.parameters, "prompt": PROMPT}


def _run(case: Case, work: Path) -> dict[str, Any]:
    from baselines.bench.step_timer import StepTimer, attach, summary

    trainer, log = build(case, work)
    timer, memory = StepTimer(), PeakMemory()
    attach(trainer, timer, memory.look)
    trainer.train()
    if log is not None:
        log.close(case.steps)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    settings = {name: getattr(trainer.args, name) for name in SETTINGS}
    about = {"said": timer.sample_hash, "losses": losses, "prompt": max(timer.prompts), "settings": settings}
    return {"memory": memory.peak(), **about, **summary(timer.steps), "each_step": timer.steps[1:]}


def build(case: Case, work: Path) -> tuple[Any, Any]:
    """The trainer as the grid builds it, and its training log (None for plain TRL); no completion ends early."""
    from anatomy_r1.data.prepared import load
    from anatomy_r1.training.training_log import BATCHES, TrainingLog
    from baselines.stages.policy import load_policy
    from baselines.stages.train import assemble
    from baselines.trainers import LoggedGRPOTrainer, LogSteps, Recorder, RLConfig

    method, start, entry = bench_method(case.method), model_of(work, case), model_entry(case)
    out = work / "cases" / case.name
    given = {**arguments(bench_profile(case), method, 0), "output_dir": str(out), "report_to": "none"}
    model, processor = load_policy(start, start, entry)
    length = {"min_new_tokens": case.completion, "suppress_tokens": forbidden(processor.tokenizer)}
    args = RLConfig(**given, generation_kwargs=length)
    trainer = assemble(method, load(data_of(work, case), "train"), (model, processor), entry, args)
    if not isinstance(trainer, LoggedGRPOTrainer):
        return trainer, None
    (out / "log.sqlite").unlink(missing_ok=True)
    trainer.training_log = TrainingLog(out / "log.sqlite")
    trainer.recorder = Recorder(out / BATCHES)
    trainer.add_callback(LogSteps(trainer.training_log, silent))
    return trainer, trainer.training_log


class PeakMemory:
    """Peak GPU memory: PyTorch tracks its own; what the driver has handed out is sampled after every step."""

    def __init__(self) -> None:
        self.driver = 0

    def look(self) -> None:
        """Sample the memory in use on the GPU, whoever uses it."""
        import torch

        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            self.driver = max(self.driver, total - free)

    def peak(self) -> dict[str, int | None]:
        """Bytes allocated by tensors, reserved by PyTorch, and handed out by the driver; None without a GPU."""
        import torch

        if not torch.cuda.is_available():
            return {"allocated": None, "reserved": None, "driver": None}
        allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return {"allocated": allocated, "reserved": reserved, "driver": max(self.driver, reserved)}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
