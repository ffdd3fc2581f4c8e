"""The arguments of every training of a run, built as training builds them: what it would refuse is refused before.

Takes the seconds in which PyTorch and TRL are imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, MATCHED
from baselines.experiment.cell import GridRun, arguments
from baselines.experiment.plan import Selection
from baselines.experiment.profile import Profile, profile_path
from baselines.experiment.profile_file import COMMON, OF_THE_RUN
from baselines.methods.method import Method
from baselines.methods.registry import all_methods, file_of, find_method
from baselines.preflight.memory import empty_model, prepared
from baselines.preflight.names import Problem, refuse

BATCH = "per_device_train_batch_size"


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
    refuse(_parts(run, file, dict.fromkeys((*selection.models, *run.profile.default["models"]))))


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
    if value.__name__ in ("accuracy_reward", "format_reward"):
        return "has the name of a reward that every method has: rename it"
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
    try:
        kind = "sft" if method.kind == "sft" else "rl"
        build_arguments(kind, given, len(method.rewards), launch.processes)  # type: ignore[arg-type]
    except ArgumentError as error:
        yield _located(plan, error.key, error.message)


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
