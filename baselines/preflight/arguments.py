"""The arguments of every training of a run, built as training builds them: what it would refuse is refused before.

Takes the seconds in which PyTorch and TRL are imported.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, MATCHED
from anatomy_r1.training.similarity import read_similarity
from baselines.experiment.cell import GridRun, arguments
from baselines.experiment.plan import Selection
from baselines.experiment.profile import Profile, profile_path
from baselines.experiment.training_section import COMMON, OF_THE_RUN
from baselines.methods.method import Method
from baselines.methods.registry import METHODS, all_methods, file_of, find_method
from baselines.preflight.memory import WHOLE, empty_model, prepared
from baselines.preflight.names import Problem, refuse

BATCH = "per_device_train_batch_size"
LENGTH = "max_length"
WARMUP = 2
"""Largest number of warm-up steps per step of training (ours): beyond it, most of the learning rate is never used."""
GIVEN_REWARDS = ("accuracy_reward", "format_reward", "soft_overlong_punishment_reward")
"""Names of the rewards that methods have besides their own; the last is TRL's penalty for overlong completions."""
NEED_GPU = ("fp16", "use_vllm")
"""Trainer arguments that no training on a CPU can have."""


@dataclass(frozen=True)
class Planned:
    """One training: a method of a run in an arm, and the profile's file."""

    profile: Profile
    file: str
    method: Method
    data: str = MATCHED

    @property
    def own(self) -> str:
        """Where the method is written."""
        return f"{file_of(self.method.id) or 'baselines/methods'}: method {self.method.id}"


def check_trainings(run: GridRun, selection: Selection) -> None:
    """Build the arguments of the trainings selected and of the profile's own, in all arms, as training builds them.

    Raises:
        AnatomyR1Error: Up to three problems, each with its file and key.
    """
    file = str(profile_path(run.source))
    refuse(_trainings(run.profile, file, _methods(run.profile, selection)))
    models = dict.fromkeys((*selection.models, *run.profile.default["models"]))
    refuse(_parts(run, file, models))
    given = [arguments(run.profile, method, 0) for method in _methods(run.profile, selection)]
    if any(one.get("shared_prefix") for one in given):
        refuse(_shared_rows(run, file, models))


def _methods(profile: Profile, selection: Selection) -> list[Method]:
    """The methods that are trained, those of the profile's default included, each once, and what they start from."""
    names = [name.partition("@")[0] for name in (*selection.methods, *profile.default["methods"])]
    wanted = [*map(find_method, dict.fromkeys(name for name in names if name != "all"))]
    found: dict[str, Method] = {}
    while wanted:
        method = wanted.pop(0)
        found[method.id] = method
        if method.start != "base" and method.start not in found:
            wanted.append(find_method(method.start))
    return [method for method in found.values() if method.trained]


def _parts(run: GridRun, file: str, models: Iterable[str]) -> Iterator[Problem]:
    """What is frozen or adapted is a part of the model. A model of unknown shape is left to training."""
    for name in models:
        source = run.profile.models[name]
        if not source.get("frozen") and not source.get("lora"):
            continue
        try:
            model = empty_model(source, run.layout.base(name))
        except AnatomyR1Error:
            continue
        try:
            prepared(model, source)
        except AnatomyR1Error as error:
            yield Problem(f"{file}: models.{name}", str(error))


def _shared_rows(run: GridRun, file: str, models: Iterable[str]) -> Iterator[Problem]:
    """Models whose rows cannot be shared. A model of unknown shape is left to training, which checks it too."""
    from baselines.trainers.shared_scores import attention_of, unsupported

    for name in models:
        source = run.profile.models[name]
        try:
            model = prepared(empty_model(source, run.layout.base(name)), source)
        except AnatomyR1Error:
            continue
        if problem := unsupported(model, source.get("attention") or attention_of(model)):
            yield Problem(f"{file}: models.{name}", f"training.rl.shared_prefix {problem}")


def _trainings(profile: Profile, file: str, methods: Iterable[Method]) -> Iterator[Problem]:
    """What training would refuse, of each method in each arm that has a training of its own."""
    for method in methods:
        arms = (MATCHED, *((AS_RELEASED,) if method.release else ()))
        plans = [Planned(profile, file, method, data) for data in arms]
        own = plans[0].own
        if method.budget not in profile.training:
            yield Problem(own, f"trains with training.{method.budget}, which {file} lacks")
        elif found := [*_named(method, own), *_of_the_run(method, own)]:
            yield from found
        else:
            yield from (problem for plan in plans for problem in _arguments(plan))
    yield from _without_effect(profile, file)
    yield from _of_a_method(profile, file)


def _of_the_run(method: Method, own: str) -> Iterator[Problem]:
    """Knobs that something else sets: they would not do what they say."""
    for name in ("knobs", "release_knobs"):
        for key in getattr(method, name).keys() & OF_THE_RUN.keys():
            yield Problem(f"{own}: {name}.{key}", f"would have no effect, {OF_THE_RUN[key]} sets it")


def _named(method: Method, own: str) -> Iterator[Problem]:
    """The trainer is a trainer of the method's kind, and each reward can be called as TRL calls it."""
    from baselines.trainers import LoggedGRPOTrainer, OrderedSFTTrainer

    base = OrderedSFTTrainer if method.kind == "sft" else LoggedGRPOTrainer
    trainer, problem = _resolved(method.trainer)
    if not problem and not (isinstance(trainer, type) and issubclass(trainer, base)):
        problem = f"is no subclass of {base.__name__}"
    if problem:
        yield Problem(own, f"trainer: {method.trainer!r} {problem}")
    for name in method.rewards:
        reward, problem = _resolved(name)
        if problem := problem or _not_a_reward(reward):
            yield Problem(own, f"rewards: {name!r} {problem}")
    called = Counter(getattr(_resolved(name)[0], "__name__", name) for name in method.rewards)
    if twice := [name for name, count in called.items() if count > 1]:
        told = f"two of them are called {twice[0]!r}, and the training log keeps one value under a name: rename one"
        yield Problem(own, f"rewards: {told}")


def _resolved(name: str) -> tuple[Any, str]:
    """What a dotted name stands for, or why it stands for nothing."""
    try:
        return resolve_name(name), ""
    except (AttributeError, ImportError, ValueError) as error:
        return None, f"cannot be found ({error})"


def _not_a_reward(value: Any) -> str:
    """Why TRL could not call it: it passes every column of the data by name, and logs the function's name."""
    if not callable(value) or not hasattr(value, "__name__"):
        return "is no function"
    if value.__name__ in GIVEN_REWARDS:
        return "has the name of a reward that methods have besides their own: rename it"
    try:
        kinds = [one.kind for one in inspect.signature(value).parameters.values()]
    except (TypeError, ValueError):
        return "has no signature that could be read"
    return "" if inspect.Parameter.VAR_KEYWORD in kinds else "takes no **columns, which TRL passes"


def _arguments(plan: Planned) -> Iterator[Problem]:
    """The first problem of the arguments of one training, if there is one."""
    from baselines.trainers.arguments import ArgumentError, build_arguments

    method, launch, given = plan.method, plan.profile.launch, _given(plan)
    if BATCH not in given:
        yield _located(plan, BATCH, "is missing: the batch is the experiment's, not a default")
        return
    if method.kind == "sft" and LENGTH not in given:
        yield _located(plan, LENGTH, "is missing: TRL's default of 1,024 may cut off completions: write null")
        return
    try:
        kind = "sft" if method.kind == "sft" else "rl"
        built = build_arguments(kind, given, len(method.rewards), launch.processes)  # type: ignore[arg-type]
    except ArgumentError as error:
        yield _located(plan, error.key, error.message)
        return
    if kind == "rl" and built.curriculum and (told := _similarity_problem(built.similarity, plan.profile.generated)):
        yield _located(plan, "similarity", told)
    if (warmup := built.get_warmup_steps(built.max_steps)) > WARMUP * built.max_steps:
        told = f"{warmup} is more than twice max_steps {built.max_steps}: half of learning_rate would never be reached"
        yield _located(plan, "warmup_steps", told)
    for key in ("shared_rollouts", "kept_features_mb"):
        if kind == "rl" and getattr(built, key) and launch.accelerate in WHOLE:
            told = f"needs whole weights in each process, and {launch.accelerate} shards them: leave it out"
            yield _located(plan, key, told)
    yield from _without_gpu(plan)


def _similarity_problem(source: str, generated: bool) -> str:
    """Why a curriculum could not read its similarities; with real data, the file may still be to come (`doctor.py`)."""
    if source == "mini" or not (generated or Path(source).is_file()):
        return ""
    if not Path(source).is_file():
        return f"there is no file {source}: write mini, or make it with `anatomy-r1 similarity make`"
    try:
        read_similarity(Path(source))
    except AnatomyR1Error as error:
        return str(error)
    return ""


def _without_gpu(plan: Planned) -> Iterator[Problem]:
    """What needs a GPU, in a training on the CPU."""
    given = arguments(plan.profile, plan.method, 0, plan.data)
    for key in NEED_GPU:
        if given.get(key) and given.get("use_cpu"):
            yield _located(plan, key, "needs a GPU, and use_cpu is true")


def _given(plan: Planned) -> dict[str, Any]:
    """The arguments as training has them, but for what depends on GPUs: a plan is often made where there are none."""
    given = {**arguments(plan.profile, plan.method, 0, plan.data), "output_dir": "planned", "report_to": "none"}
    if not plan.profile.needs.gpus:
        return given
    kept = {key: value for key, value in given.items() if key not in ("tf32", "deepspeed")}
    return {**kept, "use_cpu": True}


def _located(plan: Planned, key: str, message: str) -> Problem:
    """The problem with the file and the key that say it: a user's method's, else the profile's."""
    method, training = plan.method, plan.profile.training
    if key and file_of(method.id):
        if plan.data == AS_RELEASED and key in method.release_knobs:
            return Problem(f"{plan.own}: release_knobs.{key}", message)
        if key in method.knobs:
            return Problem(f"{plan.own}: knobs.{key}", message)
    for section in (method.budget, COMMON):
        if key and key in training.get(section, {}) and key not in method.knobs:
            return Problem(f"{plan.file}: training.{section}.{key}", message, method.id)
    return Problem(f"{plan.file}: training.{method.budget}", f"{key}: {message}" if key else message, method.id)


def _without_effect(profile: Profile, file: str) -> Iterator[Problem]:
    """Keys that the knobs of every method with this budget override: they would not do what they say."""
    for name, section in profile.training.items():
        users = [one for one in all_methods() if one.trained and name in (one.budget, COMMON)]
        for key in section if users else ():
            if all(key in one.knobs for one in users):
                told = "has no effect, every method states it itself: use a method file (docs/add-a-method.md)"
                yield Problem(f"{file}: training.{name}.{key}", told)


def _of_a_method(profile: Profile, file: str) -> Iterator[Problem]:
    """Keys that make one method what it is: in a profile, they would turn other rows into that method, unnamed.

    `beta` is the profile's: a method states it only to have no KL term.
    """
    owners = {key: one.id for one in reversed(METHODS) for key in one.knobs if key != "beta"}
    for name, section in profile.training.items():
        users = [one for one in METHODS if one.trained and name in (one.budget, COMMON)]
        for key in section.keys() & owners.keys():
            changed = [one.id for one in users if key not in one.knobs]
            if changed:
                told = f"is a setting of a method ({owners[key]}), and would change {changed[0]} under its old name"
                fix = "state it in a method file (docs/add-a-method.md)"
                yield Problem(f"{file}: training.{name}.{key}", f"{told}: {fix}")
