"""Where the time of a training step goes: a timer attached to a TRL trainer, and plain TRL to compare with.

A GPU works asynchronously, so the timer synchronises with it at both ends of every span.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import TrainerCallback
from trl import GRPOTrainer

from baselines.bench.cases import OWN, SPANS
from baselines.trainers import LoggedGRPOTrainer
from baselines.trainers.sampler import GroupSampler


class PlainGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPO with nothing of ours except the order of questions, so that both see the same batches."""

    def _get_train_sampler(self, dataset: Any = None) -> GroupSampler:
        return LoggedGRPOTrainer._get_train_sampler(self, dataset)


def now() -> float:
    """Seconds: wall time on a GPU; on a CPU, which may be shared, the time of this process."""
    import torch

    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


@dataclass
class StepTimer:
    """Spans of the current step, and the steps that are finished."""

    spans: dict[str, float] = field(default_factory=dict)
    sampled: dict[str, int] = field(default_factory=dict)
    steps: list[dict[str, float]] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    """Lengths of the first step's prompts in tokens, image tokens included."""
    sample_hash: str = ""
    """Hash of the first step's prompts and completions: equal when two trainers sampled the same."""
    began: float = 0.0

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


class StepCallback(TrainerCallback):  # type: ignore[misc]
    """Opens and closes steps of the timer, and calls `look` at the end of each."""

    def __init__(self, timer: StepTimer, look: Callable[[], None]) -> None:
        self.timer, self.look, self.began = timer, look, 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the first step."""
        self.timer.began = now()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open `optimiser`; gradients are clipped already."""
        self.began = now()

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close `optimiser`."""
        self.timer.add("optimiser", now() - self.began)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close the step."""
        self.look()
        self.timer.finish()


def attach(trainer: Any, timer: StepTimer, look: Callable[[], None]) -> None:
    """Time this trainer's spans."""
    trainer._generate = timer.timed("rollout", timer.counted(trainer._generate))
    trainer._generate_and_score_completions = timer.timed("scoring", trainer._generate_and_score_completions)
    trainer.compute_loss = timer.timed("forward", trainer.compute_loss)
    trainer.accelerator.backward = timer.timed("backward", trainer.accelerator.backward)
    if isinstance(trainer, LoggedGRPOTrainer):
        for name, method in OWN.items():
            setattr(trainer, method, timer.timed(name, getattr(trainer, method)))
    trainer.add_callback(StepCallback(timer, look))


def summary(steps: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Times over all steps except the first.

    Returns:
        seconds: {median, least, most} per step; share: span -> share of the time, `other` for what no span covers;
        own: the same for `OWN`; tokens_per_second: sampled tokens over the whole step; completions: median sampled
        per step, discarded draws included.
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
