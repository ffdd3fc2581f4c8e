"""Arguments of a training: from a profile's budget and a method's knobs to the object that TRL's trainers take.

Training and the plan build them here, so that what training would refuse is refused before anything runs. TRL checks
some values only in a trainer's constructor, or in the first step; `_refused_later` has those of TRL 1.16.0.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from dataclasses import fields
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from trl import SFTConfig

from anatomy_r1.validation import spelt, unknown_key
from baselines.experiment.training_section import OF_THE_RUN, TrainingSection, unknown_argument
from baselines.experiment.values import exact
from baselines.trainers.config import RLConfig
from baselines.trainers.shared_rollouts import unsupported

Kind = Literal["sft", "rl"]
CONFIGS: dict[Kind, Any] = {"sft": SFTConfig, "rl": RLConfig}
_CALLED: dict[Kind, str] = {"sft": "supervised fine-tuning", "rl": "reinforcement learning"}
CHOICES: dict[Kind, dict[str, tuple[str, ...]]] = {
    "sft": {"loss_type": ("nll", "dft", "chunked_nll")},
    "rl": {
        "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo", "luspo", "cispo", "sapo", "vespo"),
        "importance_sampling_level": ("token", "sequence"),
        "scale_rewards": ("group", "batch", "none"),
        "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
        "vllm_mode": ("colocate", "server"),
        "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
    },
}
"""Arguments with a fixed set of values that TRL reads only in a trainer's constructor or in a step."""
SHORTEST = 256
"""Smallest `max_length` of supervised fine-tuning (ours): a prompt has over a hundred words, and an image follows. What
is longer than a larger one is found by the trainer (`baselines/trainers/sft.py`)."""


class ArgumentError(ValueError):
    """An argument that training would refuse: `key` is its name, or empty where several are at odds."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key, self.message = key, message


def check_arguments(kind: Kind, given: Mapping[str, Any]) -> None:
    """Names, types and values of arguments one by one.

    Raises:
        ArgumentError: The first argument that is unknown, of another type, not finite, or no choice of its kind.
    """
    known = {one.name for one in fields(CONFIGS[kind])}
    hints = typing.get_type_hints(CONFIGS[kind])
    other: Kind = "rl" if kind == "sft" else "sft"
    elsewhere = {one.name for one in fields(CONFIGS[other])}
    for key, value in given.items():
        if key in elsewhere - known:
            raise ArgumentError(key, f"is an argument of {_CALLED[other]}, and this is {_CALLED[kind]}")
        if key not in known:
            raise ArgumentError(key, unknown_argument(key, sorted(known)))
        _check_type(key, value, hints[key])
        choices = CHOICES[kind].get(key)
        if choices and value not in choices:
            raise ArgumentError(key, f"{value!r} is none of {', '.join(choices)}")


def _check_type(key: str, value: object, hint: Any) -> None:
    """Type and range, without conversion: the profile's where it states them, else TRL's. A tuple is a list for TRL."""
    value = list(value) if isinstance(value, tuple) else value
    try:
        exact(value, key)
        if key in TrainingSection.model_fields:
            TrainingSection.model_validate({key: value})
        else:
            TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("Input ")
        found = "" if "found" in first else f", found {spelt(value)}"
        raise ArgumentError(key, f"{first}{found}") from error
    except ValueError as error:
        raise ArgumentError(key, str(error).removeprefix(f"{key}: ")) from error


def build_arguments(kind: Kind, given: Mapping[str, Any], rewards: int = 0, processes: int | None = None) -> Any:
    """The `SFTConfig` or `RLConfig`; `rewards` is the number of the method's own reward functions.

    With `processes`, the object is for a plan: it counts on that many processes, and touches no device.

    Raises:
        ArgumentError: TRL or our own trainers would refuse the arguments.
    """
    check_arguments(kind, {key: value for key, value in given.items() if key not in OF_THE_RUN})
    if kind == "rl" and processes is not None:
        _check_groups(given, processes)
    config = CONFIGS[kind] if processes is None else _planned(CONFIGS[kind], processes)
    try:
        built = config(**given)
    except (ArithmeticError, ImportError, LookupError, NotImplementedError, OSError, TypeError, ValueError) as error:
        message = " ".join(str(error).split())
        raise ArgumentError(_meant(given, message), message) from error
    _refused_later(kind, built, rewards)
    return built


def _meant(given: Mapping[str, Any], message: str) -> str:
    """The argument that a message of TRL's or ours is about: the first it names, or whose value it names."""
    found = {key: re.search(rf"\b{key}\b", message) for key in given}
    named = sorted((match.start(), key) for key, match in found.items() if match)
    if named:
        return named[0][1]
    return next((key for key, value in given.items() if isinstance(value, str) and value and value in message), "")


def _check_groups(given: Mapping[str, Any], processes: int) -> None:
    """A generated batch holds whole groups: TRL's check, with the sizes that would do."""
    rows, group = given.get("per_device_train_batch_size", 8), given.get("num_generations", 8)
    batches = given.get("steps_per_generation") or given.get("gradient_accumulation_steps", 1)
    total = given.get("generation_batch_size") or rows * processes * batches
    if total % group:
        fit = ", ".join(str(size) for size in range(2, total + 1) if total % size == 0) or "none"
        of = f"per_device_train_batch_size {rows} x processes {processes} x batches per generation {batches}"
        told = f"{group} does not divide the {total} completions of a generated batch ({of}); these do: {fit}"
        raise ArgumentError("num_generations", told)


def _planned(config: Any, processes: int) -> Any:
    """The configuration as in a training with this many processes; it starts none, and sets up no device."""
    import torch

    here = {
        "world_size": property(lambda _: processes),
        "device": property(lambda _: torch.device("cpu")),
        "_n_gpu": 1,
    }
    return type(config.__name__, (config,), here)


def _refused_later(kind: Kind, built: Any, rewards: int) -> None:
    """What TRL's trainers, or ours, refuse once they are made."""
    if built.max_steps < 1:
        raise ArgumentError("max_steps", "is missing: it ends the run")
    _check_optimiser(built)
    if built.logging_strategy.value != "steps":
        raise ArgumentError("logging_strategy", "should be steps: the training log has every step")
    if built.logging_steps != 1:
        raise ArgumentError(
            "logging_steps", f"should be 1, found {built.logging_steps}: the training log has every step"
        )
    if built.eval_strategy.value != "no":
        raise ArgumentError("eval_strategy", "there is no evaluation during training: leave it out")
    if built.push_to_hub:
        raise ArgumentError("push_to_hub", "a run publishes nothing: leave it out")
    if built.trust_remote_code:
        raise ArgumentError("trust_remote_code", "code of a model is never run: leave it out")
    if built.use_liger_kernel and find_spec("liger_kernel") is None:
        raise ArgumentError("use_liger_kernel", "the package liger-kernel is not installed: leave it out")
    _check_checkpointing(built.gradient_checkpointing_kwargs or {})
    if kind == "sft":
        _check_length(built)
        for key in ("packing", "padding_free", "assistant_only_loss"):
            if getattr(built, key):
                raise ArgumentError(key, "TRL does not support it for images: leave it out")
        if built.pad_to_multiple_of is not None:
            raise ArgumentError("pad_to_multiple_of", "TRL does not support it for images: leave it out")
        return
    _check_rewards(built, rewards)
    _check_reinforcement(built)


def _check_reinforcement(built: Any) -> None:
    """What is at odds among the arguments of reinforcement learning."""
    if built.epsilon_high is not None and built.epsilon_high < built.epsilon:
        raise ArgumentError("epsilon_high", f"{built.epsilon_high:g} is below epsilon {built.epsilon:g}")
    if built.use_transformers_continuous_batching:
        raise ArgumentError("use_transformers_continuous_batching", "TRL does not support it for images")
    if built.sync_ref_model and built.beta == 0.0:
        raise ArgumentError("sync_ref_model", "there is no reference model where beta is 0")
    if built.shared_rollouts and (problem := unsupported(built)):
        raise ArgumentError(*problem.split(": ", 1))


def _check_length(built: Any) -> None:
    """TRL cuts what is longer than `max_length` at its end, where the completion is."""
    if built.max_length is not None and built.max_length < SHORTEST:
        told = f"{built.max_length} cuts off the completion, which follows the image and the prompt"
        raise ArgumentError("max_length", f"{told}: write null, or {SHORTEST} or more")


def _check_checkpointing(given: Mapping[str, Any]) -> None:
    """Options of PyTorch's checkpointing, which takes others for arguments of the model."""
    from torch.utils.checkpoint import checkpoint

    known = [*list(inspect.signature(checkpoint).parameters)[1:], "selective"]
    for key in given:
        if key not in known:
            raise ArgumentError("gradient_checkpointing_kwargs", unknown_key(key, known))


def _check_optimiser(built: Any) -> None:
    """Make the optimiser and the schedule for one weight, as transformers' trainer does for all."""
    import torch
    from transformers import Trainer, get_scheduler

    if built.optim_target_modules is not None:  # such optimisers look for parts of the model itself
        return
    try:
        optimiser, options = Trainer.get_optimizer_cls_and_kwargs(built, torch.nn.Linear(1, 1))
        one = optimiser([torch.nn.Parameter(torch.zeros(1))], **options)
    except (ImportError, TypeError, ValueError) as error:
        raise ArgumentError("optim", f"{built.optim.value}: {' '.join(str(error).split())}") from error
    steps = built.max_steps
    own = built.lr_scheduler_kwargs or {}
    try:
        get_scheduler(built.lr_scheduler_type, one, built.get_warmup_steps(steps), steps, own)
    except (TypeError, ValueError) as error:
        raise ArgumentError("lr_scheduler_type", " ".join(str(error).split())) from error


def _check_rewards(built: Any, own: int) -> None:
    """One weight for each reward: accuracy, format, the penalty for overlong completions if any, and the method's."""
    count = 2 + bool(round(built.overlong_share * built.max_completion_length)) + own
    if built.reward_weights is not None and len(built.reward_weights) != count:
        told = f"has {len(built.reward_weights)} weights for {count} rewards: accuracy, format, then the method's own"
        raise ArgumentError("reward_weights", told)
    if built.reward_weights is not None and (min(built.reward_weights) < 0 or not any(built.reward_weights)):
        told = "should be 0 or more, and not all 0: a penalty is a reward that returns negative values"
        raise ArgumentError("reward_weights", f"{told}, found {list(built.reward_weights)}")
