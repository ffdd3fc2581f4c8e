"""What a profile's YAML file may hold: every key with its type, its range, and what it must agree with.

A section's numbers stay as they are written (0 and 0.0 are different settings), and defaults are not filled in: a
stage's digest depends on them. What needs the trainers' own classes is checked in `baselines/preflight/arguments.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, model_validator

from anatomy_r1.data.prepare.options import SPLIT_RULES
from anatomy_r1.data.variants import original_name, variant_name
from anatomy_r1.evaluation.config import ENGINES, EvaluationConfig
from anatomy_r1.mini.world import WorldSpec
from anatomy_r1.results.store import AS_RELEASED
from anatomy_r1.validation import unknown_key
from baselines.experiment.training_section import COMMON, TrainingSection
from baselines.experiment.values import (
    A_LIST,
    NAME,
    UNSET,
    Count,
    Name,
    Names,
    NotNegative,
    Options,
    Part,
    Positive,
    Seed,
    Seeds,
    Share,
    Whole,
)

_LOCAL_ENGINES = tuple(name for name in ENGINES if name != "server")
"""Engines that load the weights of a cell."""


@dataclass(frozen=True)
class Needs:
    """Hardware that a profile needs; main memory and CPU cores are per process."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    gpus: Annotated[StrictInt, Field(ge=0)] = 0
    gpu_memory_gb: NotNegative = 0.0
    host_memory_gb: Positive = 4.0
    cpus: Annotated[StrictInt, Field(ge=1)] = 1


@dataclass(frozen=True)
class Launch:
    """How the processes of one training are started."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    processes: Annotated[StrictInt, Field(ge=1)] = 1
    """One per GPU of the training."""
    accelerate: StrictStr = ""
    """A configuration in `baselines/runtime/accelerate/`; empty is plain data parallelism (DDP)."""


class Section(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DoseSection(Section):
    """Fields of `anatomy_r1.mini.dose.Dose`."""

    likeness: NotNegative = UNSET
    peak: NotNegative = UNSET


class ModelSection(Section):
    """Where a model's weights come from, and how they are loaded (`baselines/stages/policy.py`)."""

    mini: Literal["mini-l", "mini-s"] = UNSET
    """Size of the mini world's base, which is trained from scratch."""
    recipe: Literal["toy"] | None = None
    """`toy`: two training steps, for tests."""
    bases: Names = UNSET
    """Names of its committed bases, pretrained by one recipe; each is a level of the factor *base*. With the recipe
    `toy`, the n-th is trained on the spot under seed n."""
    dose: DoseSection = UNSET
    """Its bases get a further habit turn with this dose."""
    hub: Annotated[str, Field(min_length=1)] = UNSET
    """Id on the Hugging Face Hub, or a local folder."""
    revision: str | None = None
    pixels: dict[Literal["min", "max"], Count] | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = UNSET
    attention: Literal["eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"] | None = None
    frozen: list[str] = UNSET
    lora: Options | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> ModelSection:
        given = {"mini", "hub"} & self.model_fields_set
        if not given:
            raise ValueError("needs `mini` or `hub`: where its weights come from")
        if len(given) == 2:
            raise ValueError("has both `mini` and `hub`: its weights come from one place")
        if "hub" in given and self.recipe:
            raise ValueError("recipe: is of `mini`, and this model has `hub`")
        if "hub" in given and "bases" in self.model_fields_set:
            raise ValueError("bases: are of `mini`, and this model has `hub`: list its other weights as further models")
        if "dose" in self.model_fields_set and "bases" not in self.model_fields_set:
            raise ValueError("dose: is given to committed bases, and this model lists none under `bases`")
        for name in self.bases or ():
            if NAME.fullmatch(name) is None:
                raise ValueError(f"bases: {name!r} cannot be a folder's name: letters, digits, points and hyphens")
        if self.lora == {}:
            raise ValueError("lora: is empty, which would train all weights: write null, or name r and lora_alpha")
        if self.pixels and self.pixels.get("min", 1) > self.pixels.get("max", float("inf")):
            raise ValueError(f"pixels: min {self.pixels['min']} is above max {self.pixels['max']}")
        return self


class WorldSection(Section):
    """Fields of `anatomy_r1.mini.world.WorldSpec` that differ from their defaults; empty for real data."""

    seed: Seed = UNSET
    test_seed: Seed = UNSET
    train_videos: int = UNSET
    validation_videos: int = UNSET
    test_videos: int = UNSET
    frames_per_video: int = UNSET
    slides: int = UNSET

    @model_validator(mode="after")
    def _is_a_world(self) -> WorldSection:
        WorldSpec(**self.model_dump(exclude_unset=True))
        return self


class DataSection(Section):
    """Options of `anatomy-r1 data prepare`; null leaves an option at its default."""

    source: Literal["sgg", "omnimed"]
    train: Count | None = None
    validation: Whole | None = None
    test: Count | None = None
    split: str | None = None
    seed: Seed | None = None
    test_fraction: Part | None = None
    """Every method is evaluated on the test side, so it cannot be empty."""
    validation_fraction: Share | None = None
    questions: str | None = None
    frames: str | None = None
    scene_graphs: str | None = None
    no_scene_graphs: bool | None = None
    med_r1: str | None = None
    variant: Literal["balanced", "confounded"] | None = None
    """The benchmark is this variant (`anatomy_r1.data.variants`) and has its name: `omnimed_mi_balanced_mini`."""


class ReleasedSection(Section):
    """The arm as released: size and seed of the generated twin; nothing for the real files."""

    size: Count = UNSET
    seed: Seed = UNSET


class DefaultSection(Section):
    """What runs when nothing is asked for."""

    methods: Names
    benchmarks: Names
    models: Names
    seeds: Seeds
    bases: Names = UNSET
    """Bases of the default models; all of them where it is not given."""
    arms: Annotated[list[Literal["matched", "equal-tokens", "as-released"]], *A_LIST]


class EvaluationSection(Section):
    """Fields of `anatomy_r1.evaluation.config.EvaluationConfig`."""

    engine: str = UNSET
    engine_args: Options | None = None
    repeats: int = UNSET
    temperature: Positive = UNSET
    max_new_tokens: Count = UNSET
    batch_size: Count | None = None
    limit: Count | None = None
    device: str | None = None
    dtype: str | None = None
    wait: NotNegative = UNSET
    progress: bool = UNSET

    @model_validator(mode="after")
    def _can_be_run(self) -> EvaluationSection:
        if "engine" in self.model_fields_set and self.engine not in _LOCAL_ENGINES:
            served = ": the grid evaluates weights on this machine" if self.engine in ENGINES else ""
            raise ValueError(f"engine {self.engine!r}{served}: there are {', '.join(_LOCAL_ENGINES)}")
        EvaluationConfig(**self.model_dump(exclude_unset=True))
        return self


class ProfileFile(Section):
    """The whole file."""

    name: Name
    note: str
    generated: bool
    needs: Needs
    launch: Launch
    models: Annotated[dict[Name, ModelSection], Field(min_length=1)]
    world: WorldSection
    data: Annotated[dict[Name, DataSection], Field(min_length=1)]
    released: dict[Name, ReleasedSection] = Field(default_factory=dict)
    default: DefaultSection
    evaluation: EvaluationSection
    training: dict[str, TrainingSection]
    """Budget -> trainer arguments; those in `common` apply to all budgets."""
    cost: dict[str, NotNegative]
    """Stage, budget or method -> rough seconds, only for estimates of time."""
    arithmetic: Literal["native", "portable"] = "native"
    """How all stages compute (docs/portable.md); `--arithmetic` replaces it."""
    deterministic: bool = False
    """Whether trainings and evaluations are to give the same bits twice on one machine (docs/determinism.md)."""

    @model_validator(mode="after")
    def _can_be_portable(self) -> ProfileFile:
        evaluation = self.evaluation.model_dump(exclude_unset=True)
        if self.arithmetic == "portable" and (reason := not_portable(self.needs, self.launch, evaluation)):
            raise ValueError(f"arithmetic: {reason}: write native")
        return self

    @model_validator(mode="after")
    def _sections_agree(self) -> ProfileFile:
        """Names in one section are those of another; nothing is said that would have no effect."""
        _among("default.benchmarks", self.default.benchmarks, self.data)
        _among("default.models", self.default.models, self.models)
        _among(
            "default.bases",
            self.default.bases or (),
            [base for one in self.models.values() for base in one.bases or ()],
        )
        _among("released", self.released, self.data)
        self._check_budgets()
        if AS_RELEASED in self.default.arms and not self.released:
            raise ValueError(f"default.arms: {AS_RELEASED!r} needs the section `released`")
        return self

    @model_validator(mode="after")
    def _fits_its_data(self) -> ProfileFile:
        """The mini world's models and its settings go with generated data only; a world has its own split."""
        for name, data in self.data.items():
            if name != (right := variant_name(original_name(name), data.variant)):
                raise ValueError(f"data.{name}: with variant {data.variant or 'null'}, name it {right}")
        if self.generated:
            for name, data in self.data.items():
                if data.split not in (None, "file") and data.split in SPLIT_RULES:
                    told = f"{data.split!r} splits the videos of SSG-VQA, which a generated world has not: write file"
                    raise ValueError(f"data.{name}.split: {told}")
            return self
        if self.world.model_fields_set:
            raise ValueError("world: has no effect where `generated` is false: write {}")
        for name, source in self.models.items():
            if "mini" in source.model_fields_set:
                raise ValueError(f"models.{name}.mini: needs generated data: write `generated: true`, or name a hub")
        for name, section in self.released.items():
            if section.model_fields_set:
                raise ValueError(f"released.{name}: the real files have no options: write {{}}")
        return self

    def _check_budgets(self) -> None:
        """Every stage and training section has a cost. Which sections are methods' own is known later."""
        if "rl" not in self.training:
            raise ValueError("training: missing key 'rl'")
        stages = {"data", "base", "evaluate", *self.training} - {COMMON} | ({"world"} if self.generated else set())
        if absent := sorted(stages - self.cost.keys()):
            near = get_close_matches(absent[0], (COMMON, *self.cost), n=1) if absent[0] in self.training else []
            hint = f" (training has it; did you mean {near[0]!r} there?)" if near else ""
            raise ValueError(f"cost: missing key {absent[0]!r}{hint}")

    def section(self, name: str) -> Mapping[str, Any]:
        """The keys that a training section states."""
        found = self.training.get(name)
        return found.model_dump(exclude_unset=True) if found else {}


def not_portable(needs: Needs, launch: Launch, evaluation: Mapping[str, Any]) -> str:
    """Why a profile cannot be run in portable arithmetic (docs/portable.md); "" if it can."""
    engine, device = evaluation.get("engine", "transformers"), evaluation.get("device") or "cpu"
    if needs.gpus:
        return "portable arithmetic is for CPUs, and the profile needs GPUs"
    if launch.processes > 1:
        return "portable arithmetic was tested with one process a training only, and the profile has several"
    if engine != "transformers" or device != "cpu":
        return "portable arithmetic is for the transformers engine on a CPU, and the profile evaluates with another"
    return ""


def _among(at: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{at}: {unknown_key(name, known).replace('key', 'name', 1)}")
