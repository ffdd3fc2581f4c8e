"""What runs after each optimiser step: `LogSteps` writes the training log, `KeepPolicies` saves policies.

A run may have two budgets: the method's own number of steps, and a number of sampled tokens (the arm of equal tokens).
With a constant learning rate, the shorter run is a prefix of the longer one, so one training serves both arms. It ends
once both policies are kept, or at `max_steps`.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from anatomy_r1.results.store import EQUAL_TOKENS
from anatomy_r1.training.training_log import Step, TrainingLog
from baselines.experiment.cell import OWN
from baselines.runtime.processes import barrier, is_first

COMPLETE = "complete"
"""File that marks a checkpoint as complete: transformers writes checkpoints in place, and a kill may truncate one."""
REACHED = "reached.json"
"""File in a policy's folder: the step and token count at which it was kept."""


class LogSteps(TrainerCallback):  # type: ignore[misc]
    """Writes one `Step` per optimiser step, reports progress, and marks complete checkpoints."""

    def __init__(self, log: TrainingLog | None, report: Any) -> None:
        self.log, self.report, self.began = log, report, time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the step's clock."""
        self.began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Write a step. At the end, transformers also logs a summary, which has no `loss`."""
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
        """Mark the checkpoint once all processes have written their part."""
        barrier()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


class KeepPolicies(TrainerCallback):  # type: ignore[misc]
    """Saves a policy below `folder` once its budget is spent. Policies later than the resumed checkpoint are deleted.

    Args:
        folder: where the policies go; each appears atomically.
        tokens: returns how many tokens have been sampled so far, the same number in all processes.
        save: writes the policy to a folder; all processes call it together.
        resumed: step of the checkpoint from which the run resumes; 0 for a fresh run.
    """

    def __init__(self, folder: Path, tokens: Callable[[], int], save: Callable[[Path], None], resumed: int = 0) -> None:
        self.folder, self.tokens, self.save = folder, tokens, save
        self.kept = {name for name in (OWN, EQUAL_TOKENS) if _kept(folder / name, resumed)}
        for name in {OWN, EQUAL_TOKENS} - self.kept if is_first() else ():
            shutil.rmtree(folder / name, ignore_errors=True)

    def done(self, args: Any) -> bool:
        """Whether nothing is left to train: a run may be killed between its end and its publication."""
        return all(name in self.kept for name in _wanted(args))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep what is due, and end the run when nothing more is wanted."""
        spent = {OWN: state.global_step >= args.own_steps, EQUAL_TOKENS: self.tokens() >= args.rollout_tokens}
        for name in _wanted(args):
            if spent[name]:
                self._keep(name, state, reached=True)
        # Decided from numbers that all processes share, and not from the folders, which the first of them writes.
        control.should_training_stop |= all(spent[name] for name in _wanted(args))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """If `max_steps` came first, keep the last policy for the token budget, recorded as not having reached it."""
        for name in _wanted(args):
            self._keep(name, state, reached=False)

    def _keep(self, name: str, state: Any, *, reached: bool) -> None:
        if name in self.kept:
            return
        self.kept.add(name)
        half = self.folder / f"{name}.half"
        if state.is_world_process_zero:
            shutil.rmtree(half, ignore_errors=True)
        self.save(half)
        if not state.is_world_process_zero:
            return
        facts = {"step": state.global_step, "rollout_tokens": self.tokens(), "reached": reached}
        (half / REACHED).write_text(json.dumps(facts) + "\n")
        half.rename(self.folder / name)


def _kept(policy: Path, resumed: int) -> bool:
    """Whether it exists and is no later than the checkpoint; another process may be removing a later one right now."""
    try:
        return int(read_reached(policy)["step"]) <= resumed
    except FileNotFoundError:
        return False


def _wanted(args: Any) -> tuple[str, ...]:
    return (OWN, EQUAL_TOKENS) if args.rollout_tokens else (OWN,)


def read_reached(policy: Path) -> dict[str, Any]:
    """The step and token count at which a policy was kept, and whether its budget was spent by then."""
    facts: dict[str, Any] = json.loads((policy / REACHED).read_text())
    return facts
