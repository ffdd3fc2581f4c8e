"""The callback that writes steps into the training log and marks whole checkpoints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from anatomy_r1.training.training_log import Step, TrainingLog
from baselines.runtime.processes import barrier

COMPLETE = "complete"
"""File that marks a checkpoint as whole: transformers writes a checkpoint in place, and a kill may cut it."""


class LogSteps(TrainerCallback):  # type: ignore[misc]
    """Writes one `Step` an optimiser step, tells how far the run is, and marks checkpoints that are whole."""

    def __init__(self, log: TrainingLog | None, report: Any) -> None:
        self.log, self.report, self.began = log, report, time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the step's clock."""
        self.began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """One row; transformers also logs a summary at the end, which has no `loss`."""
        if not logs or "loss" not in logs or self.log is None:
            return
        level = logs.get("curriculum/level")
        self.log.add_step(
            Step(
                step=state.global_step,
                loss=logs["loss"],
                learning_rate=logs.get("learning_rate"),
                grad_norm=logs.get("grad_norm"),
                entropy=logs.get("entropy"),
                kl=logs.get("kl"),
                reward=logs.get("reward"),
                level=None if level is None else round(level),
                seconds=time.perf_counter() - self.began,
                rollout_tokens=self.log.rollout_tokens(),
                alpha=logs.get("gpg/alpha"),
            )
        )
        own = getattr(args, "own_steps", state.max_steps)
        self.report(state.global_step, own if state.global_step <= own else state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Runs after everything of the checkpoint has been written, by all processes."""
        barrier()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()
