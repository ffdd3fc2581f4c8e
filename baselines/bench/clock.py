"""Where a step's time goes. A GPU runs behind its host: it is waited for at both ends of every span."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import TrainerCallback

SPANS = ("rollout", "scoring", "forward", "backward", "optimiser")
"""rollout: sampling. scoring: rewards, the reference's log-probabilities, augmentation, the log. forward: of the loss.
backward: recomputed activations included. optimiser: the update; clipping is in `other`."""

OWN = ("vary", "write")
"""What ours does besides TRL's, within scoring: GDQA's augmentation, the training log. Counted besides the ratio of two
cases, because a difference of one percent is smaller than what two runs on a shared machine differ by."""


def now() -> float:
    """Seconds: of the wall on a GPU, of this process on a CPU, which others may be using."""
    import torch

    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


@dataclass
class Clock:
    """Spans of the present step, and the steps that are done."""

    spans: dict[str, float] = field(default_factory=dict)
    sampled: dict[str, int] = field(default_factory=dict)
    steps: list[dict[str, float]] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    """Lengths of the first step's prompts, pictures included."""
    said: str = ""
    """Hash of the first step's prompts and completions: equal for two trainers that served and sampled the same."""
    began: float = 0.0

    def add(self, name: str, seconds: float) -> None:
        """Add to a span of the present step."""
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
            if not self.steps and not self.said:
                self.prompts = [len(ids) for ids in out[0]]
                self.said = hashlib.sha256(
                    repr([list(map(int, ids)) for part in out[:2] for ids in part]).encode()
                ).hexdigest()[:16]
            return out

        return measured

    def finish(self) -> None:
        """Close a step. Sampling stands within the span of scoring, from which it is taken."""
        ended = now()
        spans = {name: self.spans.get(name, 0.0) for name in (*SPANS, *OWN)}
        spans["scoring"] -= spans["rollout"]
        self.steps.append({"seconds": ended - self.began, **spans, **self.sampled})
        self.began, self.spans, self.sampled = ended, {}, {}


class Watch(TrainerCallback):  # type: ignore[misc]
    """Closes steps, and looks at what the driver says of memory."""

    def __init__(self, clock: Clock, look: Callable[[], None]) -> None:
        self.clock, self.look, self.began = clock, look, 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The first step's beginning."""
        self.clock.began = now()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Gradients are clipped by now."""
        self.began = now()

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The update is done."""
        self.clock.add("optimiser", now() - self.began)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close the step."""
        self.look()
        self.clock.finish()


def attach(trainer: Any, clock: Clock, look: Callable[[], None]) -> None:
    """Measure this trainer's spans."""
    trainer._generate = clock.timed("rollout", clock.counted(trainer._generate))
    trainer._generate_and_score_completions = clock.timed("scoring", trainer._generate_and_score_completions)
    trainer.compute_loss = clock.timed("forward", trainer.compute_loss)
    trainer.accelerator.backward = clock.timed("backward", trainer.accelerator.backward)
    for name in OWN:
        if hasattr(trainer, name):  # not in TRL's own trainer
            setattr(trainer, name, clock.timed(name, getattr(trainer, name)))
    trainer.add_callback(Watch(clock, look))


def summary(steps: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Medians over the steps but the first, and the fastest and slowest of them.

    Returns:
        seconds: {median, least, most} a step; share: span -> part of the time, `other` what no span covers;
        own: the same for `OWN`;
        tokens_per_second: sampled tokens over all of a step; completions: sampled in a step, discarded draws included.
    """
    counted = steps[1:]
    seconds = [one["seconds"] for one in counted]
    whole = sum(seconds)
    share = {name: sum(one[name] for one in counted) / whole for name in SPANS}
    return {
        "seconds": {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)},
        "share": {**share, "other": 1 - sum(share.values())},
        "own": {name: sum(one[name] for one in counted) / whole for name in OWN},
        "tokens_per_second": sum(one["tokens"] for one in counted) / whole,
        "rollout_tokens_per_second": sum(one["tokens"] for one in counted) / sum(one["rollout"] for one in counted),
        "completions": statistics.median(one["completions"] for one in counted),
        "steps": len(counted),
    }
