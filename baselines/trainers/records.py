"""What training writes down: rollouts and steps for the training log, inputs of the loss for certificates, policies.

None of it changes training, except that `KeepPolicies` ends it. A run may have two budgets: the method's own number of
steps, and a number of sampled tokens (the arm of equal tokens). With a constant learning rate, the shorter run is a
prefix of the longer one, so one training serves both arms. It ends once both policies are kept, or at `max_steps`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import ProgressCallback, TrainerCallback

from anatomy_r1.prompts import prompt_hash
from anatomy_r1.question import LETTERS
from anatomy_r1.results.store import EQUAL_TOKENS
from anatomy_r1.scoring.strict import extract
from anatomy_r1.training.rewards import text_of
from anatomy_r1.training.similarity import Similarity, served_difficulty
from anatomy_r1.training.training_log import RecordedBatch, Rollout, Step, TrainingLog, keep_text, write_batch
from baselines.experiment.cell import OWN
from baselines.runtime.processes import barrier, is_first, process_count
from baselines.trainers.serve import TrainingRow


def rollout(
    row: TrainingRow, completion: Any, similarity: Similarity | None, *, with_text: bool, **measured: Any
) -> Rollout:
    """One rollout for the log; the hashes are of what was really served: this member's own prompt and image."""
    prompt, text, options = row["prompt"][-1]["content"], text_of(completion), row["options"]
    return Rollout(
        **measured,
        question_id=row["question_id"],
        anatomy=row["anatomy"],
        prompt_hash=prompt_hash(prompt),
        image_hash=image_hash(row["image"]),
        prompt=prompt if with_text else None,
        completion=text if with_text else None,
        choice=extract(text, options).choice,
        similarity=served_difficulty(similarity, options[LETTERS.index(row["letter"])], options),
        level=row.get("level"),
    )


def image_hash(image: Image.Image) -> str:
    """Hash of the pixels really served: 16 hex digits over size, mode and bytes."""
    head = f"{image.mode}{image.size}".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()[:16]


class Recorder:
    """Writes the first batch of every step for which the training log keeps texts; after a resume, again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.last = folder, 0

    def record(self, trainer: Any, inputs: dict[str, Any], policy: torch.Tensor, loss: torch.Tensor) -> None:
        """Write the batch whose loss was just computed from log-probabilities `policy` (B, T), if its step is due."""
        step = trainer.state.global_step + 1
        if step == self.last or not keep_text(step) or not trainer.accelerator.is_main_process:
            return
        self.last = step
        old, reference = inputs.get("old_per_token_logps"), inputs.get("ref_per_token_logps")
        masked, items = inputs.get("masked_per_token_logps"), inputs.get("num_items_in_batch")
        mask = inputs["completion_mask"] * inputs.get("tool_mask", 1)
        batch = RecordedBatch(
            step=step,
            loss=float(loss.detach()),
            tokens=float(mask.sum() if items is None else items),
            accumulation=int(trainer.current_gradient_accumulation_steps),
            processes=int(trainer.accelerator.num_processes),
            policy=_array(policy),
            old=_array(policy if old is None else old),
            reference=None if reference is None or not trainer.beta else _array(reference),
            masked=None if masked is None else _array(masked),
            advantages=_array(inputs["advantages"]),
            mask=_array(mask),
        )
        write_batch(self.folder, batch)


def _array(values: torch.Tensor) -> Any:
    return values.detach().double().cpu().numpy()


COMPLETE = "complete"
"""File that marks a checkpoint as complete, with the number of processes that made it: transformers writes checkpoints
in place, and a kill may truncate one."""
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
                **{name: logs.get(name) for name in ("learning_rate", "grad_norm", "entropy", "kl", "reward")},
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
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).write_text(f"{process_count()}\n")


class TrainingBar(ProgressCallback):  # type: ignore[misc]
    """The Trainer's bar. After a resume its rate, and so the time left, is that of the steps of this process."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin at the step that training resumes from."""
        super().on_train_begin(args, state, control, **kwargs)
        self.current_step = state.global_step
        if self.training_bar is not None:
            for name in ("n", "initial", "last_print_n"):
                setattr(self.training_bar, name, state.global_step)

    @classmethod
    def replace(cls, trainer: Any) -> None:
        """Put it in the place of the Trainer's own bar, if there is one."""
        if trainer.pop_callback(ProgressCallback):
            trainer.add_callback(cls())


class KeepPolicies(TrainerCallback):  # type: ignore[misc]
    """Saves a policy below `folder`, atomically, once its budget is spent.

    Policies saved after step `resumed` are deleted.

    `tokens` returns how many tokens all processes have sampled so far; `save` is called by all of them together;
    `resumed` is the step of the checkpoint from which the run resumes, 0 for a fresh run.
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
