"""Trainer arguments in a profile: those that the committed profiles set, with types and ranges, and any other of TRL's.

What would have no effect there, and names from other frameworks, are refused with the way out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anatomy_r1.validation import unknown_key
from baselines.experiment.values import (
    UNSET,
    AboveOne,
    Count,
    Fraction,
    NotNegative,
    Options,
    Positive,
    Share,
    Whole,
    exact,
)

COMMON = "common"
"""The training section whose arguments apply to all budgets."""
OF_THE_RUN = {
    "seed": "default.seeds or --seeds",
    "data_seed": "default.seeds or --seeds",
    "output_dir": "--runs",
    "run_name": "the cell's name",
    "report_to": "--report-to",
    "num_train_epochs": "max_steps",
    "resume_from_checkpoint": "the run itself",
}
"""Trainer arguments that would have no effect in a profile -> what sets them."""
ALSO_CALLED = {
    "kl_coef": "beta",
    "kl_coeff": "beta",
    "lr": "learning_rate",
    "batch_size": "per_device_train_batch_size",
    "group_size": "num_generations",
    "rollout_n": "num_generations",
    "max_new_tokens": "max_completion_length",
    "warmup_ratio": "warmup_steps",
    "clip_range": "epsilon",
    "cliprange": "epsilon",
}
"""Names of trainer arguments in other frameworks (verl, OpenRLHF, ms-swift, older TRL) -> theirs in TRL 1.16.0."""


class TrainingSection(BaseModel):
    """Trainer arguments: those that the committed profiles set, those of our trainers, and any other of TRL's."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    # Budget and batch
    max_steps: Count = UNSET
    per_device_train_batch_size: Count = UNSET
    gradient_accumulation_steps: Count = UNSET
    # Optimiser
    learning_rate: Fraction = UNSET
    """At most 1: our bound, far above any that trains a model."""
    lr_scheduler_type: str = UNSET
    warmup_steps: NotNegative = UNSET
    weight_decay: NotNegative = UNSET
    adam_beta1: Share = UNSET
    adam_beta2: Share = UNSET
    adam_epsilon: Positive = UNSET
    max_grad_norm: NotNegative = UNSET
    # Precision, memory, device
    bf16: bool = UNSET
    use_cpu: bool = UNSET
    gradient_checkpointing: bool = UNSET
    gradient_checkpointing_kwargs: Options | None = None
    dataloader_num_workers: Whole = UNSET
    # Checkpoints and logging
    save_strategy: str = UNSET
    save_steps: Positive = UNSET
    save_total_limit: Count | None = None
    logging_steps: Positive = UNSET
    disable_tqdm: bool = UNSET
    log_completions: bool = UNSET
    # Supervised fine-tuning
    max_length: Count | None = None
    # Reinforcement learning
    num_generations: Annotated[int, Field(ge=2)] = UNSET
    steps_per_generation: Count = UNSET
    max_completion_length: Count = UNSET
    temperature: Positive = UNSET
    top_k: Whole = UNSET
    top_p: Fraction = UNSET
    beta: NotNegative = UNSET
    epsilon: Positive = UNSET
    epsilon_high: Positive | None = None
    delta: AboveOne | None = None
    """Upper bound of the ratio in two-sided clipping; the ratio of an unchanged policy is 1."""
    num_iterations: Count = UNSET
    scale_rewards: str | bool = UNSET
    min_p: Share | None = None
    repetition_penalty: Positive = UNSET
    use_vllm: bool = UNSET
    vllm_mode: str = UNSET
    vllm_enable_sleep_mode: bool = UNSET
    vllm_gpu_memory_utilization: Fraction = UNSET
    vllm_importance_sampling_correction: bool = UNSET
    # Ours: `baselines.trainers.RLConfig`
    own_steps: Whole = UNSET
    rollout_tokens: Whole = UNSET
    resample_rounds: Whole = UNSET
    overlong_share: Share = UNSET
    similarity: str | None = None
    curriculum: str = UNSET
    shuffle_similarity: bool = UNSET
    level_count: Count = UNSET
    level_window: Count = UNSET
    level_threshold: Share = UNSET
    augment_text: bool = UNSET
    augment_image: bool = UNSET
    noise_strength: Share = UNSET
    shared_prefix: bool = UNSET
    shared_rollouts: bool = UNSET
    kept_inputs_mb: Whole = UNSET
    kept_features_mb: Whole = UNSET
    parity_band: NotNegative = UNSET
    parity_stop: Share = UNSET
    perception_weight: Share = UNSET
    double_entropy_weight: Share = UNSET
    masked_share: Share = UNSET

    @model_validator(mode="after")
    def _others_are_arguments_of_trl(self) -> TrainingSection:
        others = self.model_extra or {}
        if not others:
            return self
        from trl import GRPOConfig, SFTConfig  # takes seconds

        known = {*type(self).model_fields, *(one.name for config in (GRPOConfig, SFTConfig) for one in fields(config))}
        for key in others:
            if key in OF_THE_RUN:
                raise ValueError(f"{key}: would have no effect here, {OF_THE_RUN[key]} sets it")
            if key not in known:
                raise ValueError(unknown_argument(str(key), known))
        exact(others)
        return self


def unknown_argument(key: str, known: Iterable[str]) -> str:
    """What to say of an unknown trainer argument: its name in TRL where another framework's is known."""
    if key in ALSO_CALLED:
        return f"unknown key {key!r} (TRL's name is {ALSO_CALLED[key]!r})"
    return unknown_key(key, known)
