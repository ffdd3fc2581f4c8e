"""A profile: the YAML file that sets the scale of an experiment. Models, data, budgets, seeds, hardware, launcher.

`mini` and `paper` run the same code and differ only here. Every value in a committed profile states its source in a
comment, or that it is our choice. An unknown key, a wrong type or a duplicate key is an error that names file, key and
value (`anatomy_r1.validation`). Values are never converted, and defaults are not filled in: a stage's digest depends on
them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StrictInt, StrictStr, model_validator

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED
from anatomy_r1.validation import read_validated

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def _number(value: object) -> object:
    """An integer or a float, unchanged: 0 and 0.0 have different digests. (YAML 1.1 reads `2e-4` as a string.)"""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError(f"should be a number, found {_spelt(value)}")


def _spelt(value: object) -> str:
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        return repr(value)
    mantissa, _, exponent = value.lower().partition("e")
    number = f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{int(exponent):+d}" if exponent else mantissa
    return f"the string {value!r}: write {number}, without quotes"


def _no_number_as_string(section: dict[str, Any]) -> dict[str, Any]:
    """For options that are passed on to a library, which knows their types."""
    for key, value in section.items():
        if isinstance(value, str) and "e" in value.lower() and NUMBER.fullmatch(value):
            raise ValueError(f"{key}: found {_spelt(value)}")
    return section


Number = Annotated[float, PlainValidator(_number)]
Options = Annotated[dict[str, Any], AfterValidator(_no_number_as_string)]
UNSET: Any = None
"""Default of a key that need not be given; it is not part of the profile then."""


@dataclass(frozen=True)
class Needs:
    """Hardware that a profile needs; main memory and CPU cores are per process."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    gpus: StrictInt = 0
    gpu_memory_gb: Number = 0.0
    host_memory_gb: Number = 4.0
    cpus: StrictInt = 1


@dataclass(frozen=True)
class Launch:
    """How the processes of one training are started."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    processes: StrictInt = 1
    """One per GPU of the training."""
    accelerate: StrictStr = ""
    """A configuration in `baselines/runtime/accelerate/`; empty is plain data parallelism (DDP)."""


class Section(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelSection(Section):
    """Where a model's weights come from, and how they are loaded (`baselines/stages/policy.py`)."""

    mini: Literal["mini-l", "mini-s"] = UNSET
    """Size of the mini world's base, which is trained from scratch."""
    recipe: Literal["toy"] | None = None
    """`toy`: two training steps, for tests."""
    hub: str = UNSET
    """Id on the Hugging Face Hub, or a local folder."""
    revision: str | None = None
    pixels: dict[Literal["min", "max"], int] | None = None
    dtype: str = UNSET
    attention: str | None = None
    frozen: list[str] = UNSET
    lora: Options | None = None

    @model_validator(mode="after")
    def _has_a_source(self) -> ModelSection:
        if not {"mini", "hub"} & self.model_fields_set:
            raise ValueError("needs `mini` or `hub`: where its weights come from")
        return self


class WorldSection(Section):
    """Fields of `anatomy_r1.mini.world.WorldSpec` that differ from their defaults; empty for real data."""

    seed: int = UNSET
    test_seed: int = UNSET
    train_videos: int = UNSET
    validation_videos: int = UNSET
    test_videos: int = UNSET
    frames_per_video: int = UNSET
    slides: int = UNSET


class DataSection(Section):
    """Options of `anatomy-r1 data prepare`; null leaves an option at its default."""

    source: Literal["sgg", "omnimed"]
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    split: str | None = None
    seed: int | None = None
    test_fraction: Number | None = None
    validation_fraction: Number | None = None
    questions: str | None = None
    frames: str | None = None
    scene_graphs: str | None = None
    med_r1: str | None = None


class ReleasedSection(Section):
    """The arm as released: size and seed of the generated twin; nothing for the real files."""

    size: int = UNSET
    seed: int = UNSET


class DefaultSection(Section):
    """What runs when nothing is asked for."""

    methods: list[str]
    benchmarks: list[str]
    models: list[str]
    seeds: list[int]
    arms: list[str]


class EvaluationSection(Section):
    """Fields of `anatomy_r1.evaluation.config.EvaluationConfig`."""

    engine: str = UNSET
    engine_args: Options | None = None
    repeats: int = UNSET
    temperature: Number = UNSET
    max_new_tokens: int = UNSET
    batch_size: int | None = None
    limit: int | None = None
    device: str | None = None
    dtype: str | None = None
    wait: Number = UNSET
    progress: bool = UNSET


class TrainingSection(BaseModel):
    """Trainer arguments: those that the committed profiles set, those of our trainers, and any other of TRL's."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    # Budget and batch
    max_steps: int = UNSET
    per_device_train_batch_size: int = UNSET
    gradient_accumulation_steps: int = UNSET
    # Optimiser
    learning_rate: Number = UNSET
    lr_scheduler_type: str = UNSET
    warmup_steps: Number = UNSET
    weight_decay: Number = UNSET
    adam_beta2: Number = UNSET
    max_grad_norm: Number = UNSET
    # Precision, memory, device
    bf16: bool = UNSET
    use_cpu: bool = UNSET
    gradient_checkpointing: bool = UNSET
    gradient_checkpointing_kwargs: Options | None = None
    dataloader_num_workers: int = UNSET
    # Checkpoints and logging
    save_strategy: str = UNSET
    save_steps: Number = UNSET
    save_total_limit: int | None = None
    logging_steps: Number = UNSET
    disable_tqdm: bool = UNSET
    log_completions: bool = UNSET
    # Supervised fine-tuning
    max_length: int | None = None
    # Reinforcement learning
    num_generations: int = UNSET
    steps_per_generation: int = UNSET
    max_completion_length: int = UNSET
    temperature: Number = UNSET
    top_k: int = UNSET
    top_p: Number = UNSET
    beta: Number = UNSET
    use_vllm: bool = UNSET
    vllm_mode: str = UNSET
    vllm_enable_sleep_mode: bool = UNSET
    vllm_gpu_memory_utilization: Number = UNSET
    vllm_importance_sampling_correction: bool = UNSET
    # Ours: `baselines.trainers.RLConfig`
    own_steps: int = UNSET
    rollout_tokens: int = UNSET
    resample_rounds: int = UNSET
    overlong_share: Number = UNSET
    similarity: str | None = None
    curriculum: str = UNSET
    shuffle_similarity: bool = UNSET
    level_count: int = UNSET
    level_window: int = UNSET
    level_threshold: Number = UNSET
    augment_text: bool = UNSET
    augment_image: bool = UNSET
    noise_strength: Number = UNSET

    @model_validator(mode="after")
    def _others_are_arguments_of_trl(self) -> TrainingSection:
        others = self.model_extra or {}
        if not others:
            return self
        from trl import GRPOConfig, SFTConfig  # takes seconds

        known = {*type(self).model_fields, *(one.name for config in (GRPOConfig, SFTConfig) for one in fields(config))}
        for key in others.keys() - known:
            near = get_close_matches(key, sorted(known), n=1)
            raise ValueError(f"unknown key {key!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
        _no_number_as_string(others)
        return self


class ProfileFile(Section):
    """The whole file."""

    name: str
    note: str
    generated: bool
    needs: Needs
    launch: Launch
    models: dict[str, ModelSection]
    world: WorldSection
    data: dict[str, DataSection]
    released: dict[str, ReleasedSection] = Field(default_factory=dict)
    default: DefaultSection
    evaluation: EvaluationSection
    training: dict[str, TrainingSection]
    """Budget -> trainer arguments; those in `common` apply to all budgets."""
    cost: dict[str, Number]
    """Stage, budget or method -> rough seconds, only for estimates of time."""

    @model_validator(mode="after")
    def _every_stage_has_a_cost(self) -> ProfileFile:
        stages = {"data", "base", "evaluate", *self.training} - {"common"} | ({"world"} if self.generated else set())
        if absent := sorted(stages - self.cost.keys()):
            raise ValueError(f"cost: missing key {absent[0]!r}")
        return self


PROFILES = Path(__file__).parent.parent / "profiles"


@dataclass(frozen=True)
class Profile:
    """One experiment at one scale. Sections are plain mappings with exactly the keys of the file."""

    name: str
    note: str
    """What these numbers say and what they do not; the footer of every table."""
    generated: bool
    """Whether data and models come from the mini world."""
    needs: Needs
    launch: Launch
    models: Mapping[str, Mapping[str, Any]]
    world: Mapping[str, Any]
    data: Mapping[str, Mapping[str, Any]]
    default: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    training: Mapping[str, Mapping[str, Any]]
    cost: Mapping[str, float]
    released: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def arms(self) -> tuple[str, ...]:
        """Arms that this profile supports: equal tokens needs a token budget, as released needs the released files."""
        equal = (EQUAL_TOKENS,) if self.budget("rl").get("rollout_tokens") else ()
        return (MATCHED, *equal, *((AS_RELEASED,) if self.released else ()))

    def budget(self, section: str) -> dict[str, Any]:
        """Trainer arguments of a section, over those common to all."""
        if section not in self.training:
            raise AnatomyR1Error(f"profile {self.name}: no training section {section!r}; add it to its file")
        return {**self.training.get("common", {}), **self.training[section]}

    def similarity_file(self) -> Path | None:
        """File of the similarities S(q); None when there are none, or they come from the mini world."""
        source = self.training.get("rl", {}).get("similarity")
        return Path(source) if source and source != "mini" else None


def load_profile(name: str) -> Profile:
    """The profile of that name, or the file at that path; in an invalid one, the error names key and value."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else PROFILES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES.glob("*.yaml")))
        raise AnatomyR1Error(f"no profile {name!r}; there are: {known}, or give the path of a .yaml file")
    fix = "correct the file; baselines/profiles/ has complete examples"
    found = read_validated(path, ProfileFile, what="profile", fix=fix)
    return Profile(**{**found.model_dump(exclude_unset=True), "needs": found.needs, "launch": found.launch})


def digest(value: Any) -> str:
    """Twelve hex digits that change when any setting of a stage changes."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
