"""Train one cell: build the trainer, resume from the last complete checkpoint, and publish the result.

To resume full fine-tuning, we load the weights from the checkpoint ourselves: transformers 5.17 silently continues from
the initial ones (huggingface/transformers#43701). The reference policy of the KL term is loaded from the name in the
model's config, so that name is set back to where training started.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from accelerate.utils import broadcast_object_list
from datasets import Dataset, Image
from trl.rewards import get_soft_overlong_punishment

from anatomy_r1.data.images import for_the_web, image_changes
from anatomy_r1.data.prepared import PreparedSet, load
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder
from anatomy_r1.prompts import Style, render
from anatomy_r1.provenance import provenance
from anatomy_r1.question import Question
from anatomy_r1.results.store import EQUAL_TOKENS
from anatomy_r1.training import rewards
from anatomy_r1.training.similarity import load_similarity
from anatomy_r1.training.training_log import BATCHES, LOG_NAME, SETTINGS_NAME, TrainingLog, read
from baselines.experiment.cell import OWN, POLICIES, Cell, GridRun, arguments, settings
from baselines.experiment.finished import finished_plan, refuse_other_processes, work_digest
from baselines.experiment.profile import digest
from baselines.methods.method import Method
from baselines.runtime.processes import barrier, is_first, process_count
from baselines.runtime.progress import ProgressCallback
from baselines.stages.policy import Source, adapters, load_policy, merge_adapters, save_policy
from baselines.trainers import COMPLETE, KeepPolicies, LogSteps, Recorder, TrainingBar
from baselines.trainers.arguments import build_arguments
from baselines.trainers.records import REACHED, read_reached
from baselines.trainers.serve import Augmentation, build_curriculum


def train(run: GridRun, cell: Cell, report: ProgressCallback) -> Path:
    """Train `cell` to the end of its budget and publish its policies, log and settings; returns their folder."""
    plan = settings(run.profile, cell)
    work, out = run.layout.work(work_digest(plan)), run.layout.train(cell)
    if (settled := finished_plan(out)) and digest(settled) == digest(plan):
        return out  # by this very plan, perhaps by a process that outlived a killed grid
    refuse_other_processes(run.profile, run.layout, [cell])
    if left := last_complete_checkpoint(work):
        _check_processes(left)  # before the launch's: it names the folder that is in the way
    _check_launch(run.profile.launch.processes)
    trainer, log, checkpoint = build(run, cell, work, report)
    keepers = [one for one in trainer.callback_handler.callbacks if isinstance(one, KeepPolicies)]
    if not any(one.done(trainer.args) for one in keepers):  # a run may be killed between its end and its publication
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
    method, start, source = cell.method, run.layout.start(cell), run.profile.models[cell.model]
    checkpoint = last_complete_checkpoint(work)
    if checkpoint:
        print(f"resuming from {checkpoint.name}; ignore warnings about missing keys: we load the weights ourselves")
    log = TrainingLog(work / LOG_NAME, resume_step=_step(checkpoint)) if is_first() else None
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run.layout.tensorboard(cell))  # the work folder is deleted at the end
    reporting = {"report_to": run.report_to, "run_name": cell.name}
    config = {**arguments(run.profile, method, cell.seed, cell.data), **reporting, "output_dir": str(work)}
    # Before the model: DeepSpeed's stage 3 shards it while it is loaded.
    args = build_arguments("sft" if method.kind == "sft" else "rl", config, len(method.rewards))
    policy = load_policy(checkpoint or start, start, source)
    trainer = assemble(method, load(run.layout.learns_from(cell), "train"), policy, source, args)
    TrainingBar.replace(trainer)
    trainer.add_callback(LogSteps(log, report))
    trainer.training_log = log
    if method.kind == "rl":
        trainer.rollout_tokens = broadcast_object_list([log.rollout_tokens() if log else 0])[0]  # the first process's
        trainer.recorder = Recorder(work / BATCHES)
        save, resumed = partial(save_policy, trainer), _step(checkpoint)
        trainer.add_callback(KeepPolicies(work / POLICIES, lambda: trainer.rollout_tokens, save, resumed))
    return trainer, log, checkpoint


def assemble(method: Method, prepared: PreparedSet, policy: tuple[Any, Any], source: Source, args: Any) -> Any:
    """The trainer of a method with its rewards, curriculum and augmentation; its log and callbacks are added later."""
    model, processor = policy
    common = {"model": model, "processing_class": processor, "peft_config": adapters(source), "args": args}
    trainer_class = resolve_name(method.trainer)
    if method.kind == "sft":
        return trainer_class(train_dataset=dataset(sft_rows(prepared, method.style)), **common)
    trainer = trainer_class(
        train_dataset=dataset(rl_rows(prepared, method.style)), reward_funcs=_rewards(args, method.rewards), **common
    )
    trainer.similarity = load_similarity(args.similarity, needed=bool(args.curriculum))
    if args.augments:
        trainer.augment = Augmentation(prepared, method.style, args, processor.tokenizer)
    if args.curriculum:
        trainer.curriculum = build_curriculum(args, prepared, method.style, trainer.similarity)
    return trainer


def _rewards(args: Any, own: Sequence[str]) -> list[Any]:
    """Accuracy, format, DAPO's penalty for overlong completions if the method asks for it, and the method's own."""
    cache = round(args.overlong_share * args.max_completion_length)
    overlong = [get_soft_overlong_punishment(args.max_completion_length, cache)] if cache else []
    return [rewards.accuracy_reward, rewards.format_reward, *overlong, *map(resolve_name, own)]


def completion(question: Question, style: Style) -> str:
    """The target of SFT: the answer alone, or first the rule-based rationale (wording ours: the paper gives none)."""
    answer = f"<answer> {question.letter} </answer>"
    return answer if style == "direct" else f"<think> {question.rationale} {question.letter} </think> {answer}"


def sft_rows(prepared: PreparedSet, style: Style) -> list[dict[str, Any]]:
    """Rows with `prompt`, `completion` and `image` (loss on the completion only); `think` needs rationales."""
    usable = [q for q in prepared.questions if style == "direct" or q.rationale]
    if not usable:
        fix = "prepare it with --scene-graphs, from which rationales are made"
        raise AnatomyR1Error(f"{prepared.root}: no training question has a rationale for CoT-SFT. Fix: {fix}")
    targets = [[{"role": "assistant", "content": completion(q, style)}] for q in usable]
    return [{**_shown(prepared, q, style), "completion": target} for q, target in zip(usable, targets, strict=True)]


def rl_rows(prepared: PreparedSet, style: Style) -> list[dict[str, Any]]:
    """Rows with `prompt`, `image`, and what the rewards and the training log need."""
    return [
        _shown(prepared, q, style)
        | {"question_id": q.id, "options": list(q.options), "letter": q.letter, "anatomy": q.category}
        for q in prepared.questions
    ]


def _shown(prepared: PreparedSet, question: Question, style: Style) -> dict[str, Any]:
    """The prompt has no image part: TRL puts the image before the text, as the release does."""
    return {
        "prompt": [{"role": "user", "content": render(question, style, prepared.wording)}],
        "image": _image(prepared.image_root / question.image),
    }


def _image(path: Path) -> dict[str, Any]:
    """An image as `datasets` stores it: its file, or where the model is shown something else, the bytes of that."""
    if image_changes(path):
        return {"path": None, "bytes": for_the_web(path)[0]}
    return {"path": str(path), "bytes": None}


def dataset(rows: Sequence[dict[str, Any]]) -> Any:
    """A `datasets.Dataset` that decodes an image when its row is read, so memory does not grow with the set."""
    return Dataset.from_list(list(rows)).cast_column("image", Image(mode="RGB"))


def last_complete_checkpoint(work: Path) -> Path | None:
    """The newest complete checkpoint; incomplete ones are deleted."""
    complete = []
    for path in work.glob("checkpoint-*"):
        if (path / COMPLETE).exists():
            complete.append(path)
        elif is_first():
            shutil.rmtree(path, ignore_errors=True)
    return max(complete, key=_step, default=None)


def _check_processes(checkpoint: Path) -> None:
    """Another number of processes has batches of another size and other random numbers: the rest would be another run.

    Raises:
        AnatomyR1Error: The checkpoint says that it was made by another number; before it said so, it was empty.
    """
    made, here = (checkpoint / COMPLETE).read_text().strip(), process_count()
    if made and int(made) != here:
        told = f"{checkpoint}: made by {made} processes, and this training has {here}: its batches would be others"
        fix = f"launch.processes: {made} in the profile, or remove {checkpoint.parent} to train from the start"
        raise AnatomyR1Error(f"{told}. Fix: {fix}")


def _check_launch(planned: int) -> None:
    """A plan states the profile's number of processes, and so must the launcher's, whoever started it.

    Raises:
        AnatomyR1Error: The launcher started another number.
    """
    if process_count() != planned:
        told = f"this training has {process_count()} processes, and its profile says {planned}"
        fix = "launch.processes in the profile is the number over all machines (docs/paper-run.md)"
        raise AnatomyR1Error(f"{told}: its plan would be wrong. Fix: {fix}")


def _step(checkpoint: Path | None) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-")) if checkpoint else 0


def publish(processor: Any, work: Path, out: Path, record: dict[str, Any]) -> None:
    """Move model, processor, log and settings to `out` atomically; the policy of equal tokens is a folder inside."""
    with atomic_folder(out) as ready:
        record = {**record, **_take_policies(work, ready, processor)}
        processor.save_pretrained(ready)
        shutil.copy2(work / LOG_NAME, ready / LOG_NAME)
        if (work / BATCHES).is_dir():
            shutil.copytree(work / BATCHES, ready / BATCHES)
        (ready / SETTINGS_NAME).write_text(json.dumps(record, indent=1, sort_keys=True, default=str) + "\n")
    shutil.rmtree(work)


def _take_policies(work: Path, ready: Path, processor: Any) -> dict[str, Any]:
    """Link the kept policies: a killed publication must find them again, and copies may be large."""
    kept = {name: work / POLICIES / name for name in (OWN, EQUAL_TOKENS) if (work / POLICIES / name).is_dir()}
    ended = read_reached(kept[OWN])["step"] if (kept[OWN] / REACHED).exists() else None  # SFT has one budget
    costs: dict[str, Any] = {"spent": spent(work / LOG_NAME, ended)}
    shutil.copytree(kept[OWN], ready, copy_function=os.link, dirs_exist_ok=True)
    if EQUAL_TOKENS in kept:
        shutil.copytree(kept[EQUAL_TOKENS], ready / EQUAL_TOKENS, copy_function=os.link)
        processor.save_pretrained(ready / EQUAL_TOKENS)
        end = read_reached(kept[EQUAL_TOKENS])
        costs["equal_tokens"] = {"spent": spent(work / LOG_NAME, end["step"]), "reached": end["reached"]}
    return costs


def spent(log: Path, until: int | None = None) -> dict[str, float]:
    """Cost of training up to a step: optimiser steps, wall-clock seconds, sampled tokens (0 in SFT)."""
    steps = read(log, "steps")
    steps = steps if until is None else steps[steps["step"] <= until]
    tokens = int(steps["rollout_tokens"].iloc[-1]) if len(steps) else 0
    return {"steps": len(steps), "seconds": float(steps["seconds"].sum()), "rollout_tokens": tokens}
