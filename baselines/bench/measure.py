"""One case in a process of its own, and what is known after it, as a value that is written down whole.

What a case ran on, and the most memory it took there.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from anatomy_r1.provenance import processor, provenance, read_driver
from baselines.bench.cases import Case, find, profile_of, source
from baselines.bench.inputs import data_of, forbidden, model_of
from baselines.experiment.settings import arguments
from baselines.preflight.memory import PROMPT, training_memory
from baselines.preflight.model_shape import shape_of
from baselines.runtime.progress import silent


def device() -> dict[str, Any]:
    """Name, driver, CUDA and torch of the card; of a rehearsal, of the processor."""
    import torch

    common = {"torch": torch.__version__, "cuda": torch.version.cuda or ""}
    if not torch.cuda.is_available():
        return {**common, "name": processor(), "kind": "cpu", "driver": "", "memory": None}
    card = torch.cuda.get_device_properties(0)
    driver, _ = read_driver()
    return {**common, "name": card.name, "kind": "cuda", "driver": driver, "memory": card.total_memory}


class Memory:
    """PyTorch knows its own peaks; what the driver has given out is looked at after every step."""

    def __init__(self) -> None:
        self.driver = 0

    def look(self) -> None:
        """Note what the card has given out, to whomever."""
        import torch

        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            self.driver = max(self.driver, total - free)

    def peak(self) -> dict[str, int | None]:
        """Bytes: allocated by tensors, reserved by PyTorch, given out by the driver (CUDA's own included); None without
        a GPU.
        """
        import torch

        if not torch.cuda.is_available():
            return {"allocated": None, "reserved": None, "driver": None}
        allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return {"allocated": allocated, "reserved": reserved, "driver": max(self.driver, reserved)}


def measure(case: Case, work: Path, command: str) -> dict[str, Any]:
    """Run the case; a failure is what was found too, with its reason.

    Returns:
        `case`, `status` (measured, out of memory, failed), where and when, the plan's estimate, and if it was measured
        `prompt` (tokens), `memory` (bytes), and `clock.summary`'s times; else `error`.
    """
    began = time.monotonic()
    found = {**head(case, command), "status": "measured", "plan": _plan(case, work)}
    try:
        found |= _run(case, work)
    except Exception as error:
        found |= failure(error)
    return {**found, "case_seconds": round(time.monotonic() - began, 1)}


def head(case: Case, command: str) -> dict[str, Any]:
    """What every result says, measured or not."""
    made = provenance()
    when = time.strftime("%Y-%m-%d", time.gmtime())
    facts = {"commit": made["commit"], "dirty": made["dirty"], "packages": made["packages"], "date": when}
    return {"case": dataclasses.asdict(case), "command": command, **facts, "device": device()}


def failure(error: BaseException) -> dict[str, Any]:
    """Status and reason; only a GPU's memory is `out of memory`."""
    short = type(error).__name__ == "OutOfMemoryError"
    return {"status": "out of memory" if short else "failed", "error": f"{type(error).__name__}: {error}"[:2000]}


def _plan(case: Case, work: Path) -> dict[str, Any]:
    """The plan's estimate for the very settings of the case, in bytes."""
    profile, method = profile_of(case), find(case.method)
    shape = shape_of(source(case), model_of(work, case))
    given = arguments(profile, method, 0)
    estimate = training_memory(shape, profile.launch, given, prompt=PROMPT, gpu=0.0, kind="rl")
    return {**dataclasses.asdict(estimate), "peak": estimate.peak, "parameters": shape.parameters, "prompt": PROMPT}


def _run(case: Case, work: Path) -> dict[str, Any]:
    from baselines.bench.clock import Clock, attach, summary

    trainer, log = build(case, work)
    clock, memory = Clock(), Memory()
    attach(trainer, clock, memory.look)
    trainer.train()
    if log is not None:
        log.close(case.steps)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    settings = {name: getattr(trainer.args, name) for name in SHOWN}
    about = {"said": clock.said, "losses": losses, "prompt": max(clock.prompts), "settings": settings}
    return {"memory": memory.peak(), **about, **summary(clock.steps), "each_step": clock.steps[1:]}


SHOWN = (
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "steps_per_generation",
    "num_generations",
    "beta",
    "bf16",
    "gradient_checkpointing",
)
"""Settings of the trainer that stand beside its numbers."""


def build(case: Case, work: Path) -> tuple[Any, Any]:
    """The trainer as a run of the grid has it, log included, but for TRL's own; sampling never ends early."""
    from anatomy_r1.data.prepared import load
    from anatomy_r1.training.recorded_batches import FOLDER
    from anatomy_r1.training.training_log import TrainingLog
    from baselines.stages.policy import load_policy
    from baselines.stages.train import assemble
    from baselines.trainers import LoggedGRPOTrainer, LogSteps, Recorder, RLConfig

    method, start, entry = find(case.method), model_of(work, case), source(case)
    out = work / "cases" / case.name
    given = {**arguments(profile_of(case), method, 0), "output_dir": str(out), "report_to": "none"}
    model, processor = load_policy(start, start, entry)
    length = {"min_new_tokens": case.completion, "suppress_tokens": forbidden(processor.tokenizer)}
    args = RLConfig(**given, generation_kwargs=length)
    trainer = assemble(method, load(data_of(work, case), "train"), (model, processor), entry, args)
    if not isinstance(trainer, LoggedGRPOTrainer):
        return trainer, None
    (out / "log.sqlite").unlink(missing_ok=True)
    trainer.training_log = TrainingLog(out / "log.sqlite")
    trainer.recorder = Recorder(out / FOLDER)
    trainer.add_callback(LogSteps(trainer.training_log, silent))
    return trainer, trainer.training_log
