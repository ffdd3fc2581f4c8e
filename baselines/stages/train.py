"""Train one cell: build the trainer, resume from the last complete checkpoint, and publish the result.

To resume full fine-tuning, we load the weights from the checkpoint ourselves: transformers 5.17 silently continues from
the initial ones (huggingface/transformers#43701). The reference policy of the KL term is loaded from the name in the
model's config, so that name is set back to where training started.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from anatomy_r1.data.prepared import PreparedSet, load
from anatomy_r1.prompts import Style
from anatomy_r1.provenance import provenance
from anatomy_r1.training.similarity import load_similarity
from anatomy_r1.training.training_log import BATCHES, LOG_NAME, TrainingLog
from baselines.experiment.cell import OWN, POLICIES, Cell, GridRun
from baselines.experiment.profile import digest
from baselines.experiment.settings import arguments, settings
from baselines.methods.method import Method
from baselines.runtime.processes import barrier, is_first
from baselines.runtime.progress import ProgressCallback
from baselines.stages.policy import Source, adapters, load_policy, merge_adapters, save_policy
from baselines.stages.publish import is_published, publish


def train(run: GridRun, cell: Cell, report: ProgressCallback) -> Path:
    """Train `cell` to the end of its budget and publish its policies, log and settings; returns their folder."""
    plan = settings(run.profile, cell)
    work, out = run.layout.work(digest(plan)), run.layout.train(cell)
    if is_published(out, plan):
        return out
    trainer, log, checkpoint = build(run, cell, work, report)
    if not _done(trainer):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if cell.method.kind == "sft":
        save_policy(trainer, work / POLICIES / OWN)
    if log:
        log.close(max(trainer.state.global_step, _step(checkpoint)))
        for policy in (work / POLICIES).iterdir():
            merge_adapters(policy, run.layout.start(cell), run.profile.models[cell.model])
        publish(trainer.processing_class, work, out, {"plan": plan, "provenance": provenance()})
    barrier()
    return out


def build(
    run: GridRun, cell: Cell, work: Path, report: ProgressCallback
) -> tuple[Any, TrainingLog | None, Path | None]:
    """The trainer, its log (None except in the first process), and the checkpoint to resume from (None if fresh)."""
    from accelerate.utils import broadcast_object_list
    from trl import SFTConfig

    from baselines.trainers import KeepPolicies, LogSteps, Recorder, RLConfig

    method, start, source = cell.method, run.layout.start(cell), run.profile.models[cell.model]
    checkpoint = last_complete_checkpoint(work)
    if checkpoint:
        print(f"resuming from {checkpoint.name}; ignore warnings about missing keys: we load the weights ourselves")
    log = TrainingLog(work / LOG_NAME, resume_step=_step(checkpoint)) if is_first() else None
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run.layout.tensorboard(cell))  # the work folder is deleted at the end
    reporting = {"report_to": run.report_to, "run_name": cell.name}
    config = {**arguments(run.profile, method, cell.seed, cell.data), **reporting, "output_dir": str(work)}
    # Before the model: DeepSpeed's stage 3 shards it while it is loaded.
    args = SFTConfig(**config) if method.kind == "sft" else RLConfig(**config)
    policy = load_policy(checkpoint or start, start, source)
    trainer = assemble(method, load(run.layout.learns_from(cell), "train"), policy, source, args)
    trainer.add_callback(LogSteps(log, report))
    trainer.training_log = log
    if method.kind == "rl":
        trainer.rollout_tokens = broadcast_object_list([log.rollout_tokens() if log else 0])[0]  # the first process's
        trainer.recorder = Recorder(work / BATCHES)
        keep = KeepPolicies(
            work / POLICIES, lambda: trainer.rollout_tokens, partial(save_policy, trainer), _step(checkpoint)
        )
        trainer.add_callback(keep)
    return trainer, log, checkpoint


def assemble(method: Method, prepared: PreparedSet, policy: tuple[Any, Any], source: Source, args: Any) -> Any:
    """The trainer of a method with its rewards, curriculum and augmentation, but without log or callbacks.

    Args:
        method: names the trainer class.
        prepared: training questions.
        policy: model and processor from `load_policy`.
        source: the profile's model entry.
        args: `RLConfig`, or TRL's `SFTConfig`.
    """
    from baselines.stages.training_rows import dataset, rl_rows, sft_rows

    model, processor = policy
    common = {"model": model, "processing_class": processor, "peft_config": adapters(source), "args": args}
    trainer_class = resolve_name(method.trainer)
    if method.kind == "sft":
        return trainer_class(train_dataset=dataset(sft_rows(prepared, method.style)), **common)
    rewards = _rewards(args, method.rewards)
    trainer = trainer_class(train_dataset=dataset(rl_rows(prepared, method.style)), reward_funcs=rewards, **common)
    _set_serving(trainer, prepared, method.style)
    return trainer


def _rewards(args: Any, own: Sequence[str]) -> list[Any]:
    """Accuracy, format, DAPO's penalty for overlong completions if the method asks for it, and the method's own."""
    from trl.rewards import get_soft_overlong_punishment

    from anatomy_r1.training.rewards import accuracy_reward, format_reward

    cache = round(args.overlong_share * args.max_completion_length)
    overlong = [get_soft_overlong_punishment(args.max_completion_length, cache)] if cache else []
    return [accuracy_reward, format_reward, *overlong, *map(resolve_name, own)]


def _set_serving(trainer: Any, prepared: PreparedSet, style: Style) -> None:
    """Give an RL trainer the similarities, augmentation and curriculum that its settings ask for."""
    from baselines.trainers.serve_augmented import build_augmentation
    from baselines.trainers.serve_curriculum import build_curriculum

    args = trainer.args
    trainer.similarity = load_similarity(args.similarity, needed=bool(args.curriculum))
    trainer.augment = build_augmentation(args, prepared, style, trainer.processing_class.tokenizer)
    if args.curriculum:
        trainer.curriculum = build_curriculum(args, prepared, style, trainer.similarity)


def _done(trainer: Any) -> bool:
    from baselines.trainers import KeepPolicies

    return any(isinstance(one, KeepPolicies) and one.done(trainer.args) for one in trainer.callback_handler.callbacks)


def last_complete_checkpoint(work: Path) -> Path | None:
    """The newest complete checkpoint; incomplete ones are deleted."""
    from baselines.trainers import COMPLETE

    complete = []
    for path in work.glob("checkpoint-*"):
        if (path / COMPLETE).exists():
            complete.append(path)
        elif is_first():
            shutil.rmtree(path, ignore_errors=True)
    return max(complete, key=_step, default=None)


def _step(checkpoint: Path | None) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-")) if checkpoint else 0
