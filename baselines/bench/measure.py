"""Measure one case: a timer attached to the trainer that the grid would build, or to plain TRL's to compare with.

A GPU works asynchronously, so the timer synchronises with it at both ends of every span.
"""

from __future__ import annotations

import dataclasses
import hashlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from trl import GRPOTrainer

from anatomy_r1.data.prepared import load
from anatomy_r1.training.training_log import BATCHES, TrainingLog
from baselines.bench.cases import (
    BENCH_PROMPT,
    OWN,
    SPANS,
    Case,
    bench_method,
    bench_profile,
    model_entry,
    result_header,
)
from baselines.bench.inputs import data_of, forbidden, model_of
from baselines.experiment.cell import arguments
from baselines.preflight.memory import shape_of, training_memory
from baselines.runtime.progress import silent
from baselines.stages.policy import load_policy
from baselines.stages.train import assemble
from baselines.trainers import LoggedGRPOTrainer, LogSteps, Recorder, RLConfig
from baselines.trainers.serve import GroupSampler

SETTINGS = (
    *("per_device_train_batch_size", "gradient_accumulation_steps", "steps_per_generation", "num_generations"),
    *("beta", "bf16", "gradient_checkpointing", "shared_prefix", "shared_rollouts"),
)
"""Trainer arguments that are stored with its numbers."""


class PlainGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPO with nothing of ours except the order of questions, so that both see the same batches."""

    def _get_train_sampler(self, dataset: Any = None) -> GroupSampler:
        return LoggedGRPOTrainer._get_train_sampler(self, dataset)


def now() -> float:
    """Seconds: wall time on a GPU; on a CPU, which may be shared, the time of this process."""
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


@dataclass
class StepTimer(TrainerCallback):  # type: ignore[misc]
    """Spans of the current step, the steps that are finished, and the most memory in use at the end of one."""

    spans: dict[str, float] = field(default_factory=dict)
    sampled: dict[str, int] = field(default_factory=dict)
    steps: list[dict[str, float]] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    """Lengths of the first step's prompts in tokens, image tokens included."""
    sample_hash: str = ""
    """Hash of the first step's prompts and completions: equal when two trainers sampled the same."""
    began: float = 0.0
    update_began: float = 0.0
    driver: int = 0
    """Bytes in use on the GPU, whoever uses them; PyTorch tracks only its own."""

    def add(self, name: str, seconds: float) -> None:
        """Add to a span of the current step."""
        self.spans[name] = self.spans.get(name, 0.0) + seconds

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added to a span."""

        def measured(*args: Any, **named: Any) -> Any:
            began = now()
            try:
                return function(*args, **named)
            finally:
                self.add(name, now() - began)

        return measured

    def counted(self, generate: Callable[..., Any]) -> Callable[..., Any]:
        """TRL's `_generate`, its completions counted."""

        def measured(*args: Any, **named: Any) -> Any:
            out = generate(*args, **named)
            for name, more in (("completions", len(out[1])), ("tokens", sum(map(len, out[1])))):
                self.sampled[name] = self.sampled.get(name, 0) + more
            if not self.steps and not self.sample_hash:
                self.prompts = [len(ids) for ids in out[0]]
                ids = [list(map(int, one)) for part in out[:2] for one in part]
                self.sample_hash = hashlib.sha256(repr(ids).encode()).hexdigest()[:16]
            return out

        return measured

    def finish(self) -> None:
        """Close a step. TRL samples within its scoring, so sampling is subtracted from that span."""
        ended = now()
        spans = {name: self.spans.get(name, 0.0) for name in (*SPANS, *OWN)}
        spans["scoring"] -= spans["rollout"]
        self.steps.append({"seconds": ended - self.began, **spans, **self.sampled})
        self.began, self.spans, self.sampled = ended, {}, {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the first step."""
        self.began = now()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open `optimiser`; gradients are clipped already."""
        self.update_began = now()

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close `optimiser`."""
        self.add("optimiser", now() - self.update_began)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look at the memory in use, then close the step."""
        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            self.driver = max(self.driver, total - free)
        self.finish()

    def peak_memory(self) -> dict[str, int | None]:
        """Bytes allocated by tensors, reserved by PyTorch, and handed out by the driver; None without a GPU."""
        if not torch.cuda.is_available():
            return {"allocated": None, "reserved": None, "driver": None}
        allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return {"allocated": allocated, "reserved": reserved, "driver": max(self.driver, reserved)}


def summary(steps: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Times over all steps except the first.

    `share` is that of each span, `other` what none covers; `own` is that of `OWN`; `tokens_per_second` are
    those sampled over the whole step; `completions` is the median sampled per step, discarded draws included.
    """
    counted = steps[1:]
    seconds = [one["seconds"] for one in counted]
    whole, tokens = sum(seconds), sum(one["tokens"] for one in counted)

    def share(name: str) -> float:
        return sum(one[name] for one in counted) / whole

    shares = {name: share(name) for name in SPANS}
    return {
        "seconds": {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)},
        "share": {**shares, "other": 1 - sum(shares.values())},
        "own": {name: share(name) for name in OWN},
        "tokens_per_second": tokens / whole,
        "rollout_tokens_per_second": tokens / sum(one["rollout"] for one in counted),
        "completions": statistics.median(one["completions"] for one in counted),
        "steps": len(counted),
    }


def measure(case: Case, work: Path, command: str) -> dict[str, Any]:
    """Run the case; a failure is a result too.

    `status` is measured, out of memory or failed (with `error`); sizes in tokens and bytes, times as in `summary`.
    """
    began, profile = time.monotonic(), bench_profile(case)
    shape, given = shape_of(model_entry(case), model_of(work, case)), arguments(profile, bench_method(case.method), 0)
    estimate = training_memory(shape, profile.launch, given, prompt=BENCH_PROMPT, gpu=0.0, kind="rl")
    plan = {
        **dataclasses.asdict(estimate),
        "peak": estimate.peak,
        "parameters": shape.parameters,
        "prompt": BENCH_PROMPT,
    }
    found = {**result_header(case, command), "status": "measured", "plan": plan}
    try:
        found |= _run(case, work)
    except Exception as error:
        found |= failure(error)
    return {**found, "case_seconds": round(time.monotonic() - began, 1)}


def failure(error: BaseException) -> dict[str, Any]:
    """Status and reason; only a GPU's memory counts as `out of memory`."""
    short = type(error).__name__ == "OutOfMemoryError"
    return {"status": "out of memory" if short else "failed", "error": f"{type(error).__name__}: {error}"[:2000]}


def _run(case: Case, work: Path) -> dict[str, Any]:
    trainer, log = _build(case, work)
    timer = StepTimer()
    trainer._generate = timer.timed("rollout", timer.counted(trainer._generate))
    trainer._generate_and_score_completions = timer.timed("scoring", trainer._generate_and_score_completions)
    trainer.compute_loss = timer.timed("forward", trainer.compute_loss)
    trainer.accelerator.backward = timer.timed("backward", trainer.accelerator.backward)
    if isinstance(trainer, LoggedGRPOTrainer):
        for name, method in OWN.items():
            setattr(trainer, method, timer.timed(name, getattr(trainer, method)))
    trainer.add_callback(timer)
    trainer.train()
    if log is not None:
        log.close(case.steps)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    settings = {name: getattr(trainer.args, name) for name in SETTINGS}
    about = {"said": timer.sample_hash, "losses": losses, "prompt": max(timer.prompts), "settings": settings}
    return {"memory": timer.peak_memory(), **about, **summary(timer.steps), "each_step": timer.steps[1:]}


def _build(case: Case, work: Path) -> tuple[Any, Any]:
    """The trainer as the grid builds it, and its training log (None for plain TRL); no completion ends early."""
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
