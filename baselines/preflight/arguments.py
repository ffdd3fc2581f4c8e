"""Whatever a run would refuse once it trains, refused before it starts: names, models, data, trainers, arguments.

A profile is checked by itself when it is read (`baselines/experiment/profile_file.py`). Here it is checked against the
methods of the run, and the arguments of every training are built as training builds them. Takes the seconds in which
PyTorch and TRL are imported.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from pydantic import TypeAdapter, ValidationError

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import AS_RELEASED, MATCHED
from anatomy_r1.validation import spelt, unknown_key
from baselines.experiment.cell import GridRun, arguments
from baselines.experiment.plan import Selection
from baselines.experiment.profile import Profile, profile_path
from baselines.experiment.profile_file import COMMON
from baselines.methods.method import Method
from baselines.methods.registry import all_methods, file_of, find_method
from baselines.runtime.processes import ACCELERATE

STAGES = ("world", "data", "base", "evaluate")
"""Stages with a cost of their own; a training's is that of its budget or method."""


@dataclass(frozen=True)
class Problem:
    """What would be refused, and where it is written."""

    where: str
    """File, and the key or method in it."""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def check_profile(profile: Profile, source: str) -> None:
    """Check a profile's names, launcher, data and adapters; method files are known already.

    Raises:
        AnatomyR1Error: Up to three problems, each with its file and key.
    """
    _refuse(_profile(profile, str(profile_path(source))))


def check_trainings(run: GridRun, selection: Selection) -> None:
    """Build the arguments of the trainings selected and of the profile's own, in all arms, as training builds them.

    Raises:
        AnatomyR1Error: Up to three problems, each with its file and key.
    """
    file = str(profile_path(run.source))
    _refuse(_trainings(run.profile, file, _methods(run.profile, selection)))


def _refuse(problems: Iterable[Problem]) -> None:
    if found := list(dict.fromkeys(problems)):
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        fix = "correct the file; baselines/profiles/ and docs/add-a-method.md have complete examples"
        raise AnatomyR1Error(f"{'; '.join(map(str, found[:3]))}{more}. Fix: {fix}")


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


def _profile(profile: Profile, file: str) -> Iterator[Problem]:
    """Names that are nobody's, and sections that their readers would refuse."""
    methods = all_methods()
    rows = {"all", *(one.id for one in methods)}
    for name in profile.default["methods"]:
        if name.partition("@")[0] not in rows:
            told = unknown_key(name.partition("@")[0], sorted(rows)).replace("key", "method", 1)
            yield Problem(f"{file}: default.methods", f"{told}, or name its file with --method-file")
    budgets = {COMMON, *(one.budget for one in methods if one.trained)}
    for name in profile.training.keys() - budgets:
        yield Problem(f"{file}: training", unknown_key(name, sorted(budgets)))
    costs = {*STAGES, *budgets, *(one.id for one in methods)} - {COMMON}
    for name in profile.cost.keys() - costs:
        yield Problem(f"{file}: cost", unknown_key(name, sorted(costs)))
    yield from _launcher(profile, file)
    yield from _data(profile, file)
    for name, source in profile.models.items():
        yield from _adapters(source, f"{file}: models.{name}.lora")


def _launcher(profile: Profile, file: str) -> Iterator[Problem]:
    name, known = profile.launch.accelerate, sorted(path.stem for path in ACCELERATE.glob("*.yaml"))
    if name and name not in known:
        yield Problem(f"{file}: launch.accelerate", f"{name!r} is none of {', '.join(known)}")


def _data(profile: Profile, file: str) -> Iterator[Problem]:
    from baselines.stages.data import read_section

    for name, section in profile.data.items():
        try:
            read_section(section, f"data.{name}", Path(), Path())
        except AnatomyR1Error as error:
            yield Problem(file, str(error).replace(". Fix: ", "; "))


def _adapters(source: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """LoRA's options by name and type, and PEFT's own checks."""
    given = source.get("lora")
    if not given:
        return
    from peft import LoraConfig

    from baselines.stages.policy import adapters

    hints, known = typing.get_type_hints(LoraConfig), [one.name for one in fields(LoraConfig)]
    for key, value in given.items():
        if key not in known:
            yield Problem(where, unknown_key(key, known))
            return
        if problem := _type_problem(value, hints[key]):
            yield Problem(f"{where}.{key}", problem)
            return
    try:
        adapters(source)
    except (TypeError, ValueError) as error:
        yield Problem(where, " ".join(str(error).split()))
    if given.get("r", 8) < 1:
        yield Problem(f"{where}.r", f"should be at least 1, found {given['r']}")


def _type_problem(value: object, hint: Any) -> str:
    try:
        TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        return f"{error.errors()[0]['msg'].removeprefix('Input ')}, found {spelt(value)}"
    return ""


def _trainings(profile: Profile, file: str, methods: Iterable[Method]) -> Iterator[Problem]:
    """What training would refuse, of each method in each arm that has a training of its own."""
    for method in methods:
        own = f"{file_of(method.id) or 'baselines/methods'}: method {method.id}"
        if method.budget not in profile.training:
            told = f"trains with training.{method.budget}, which {file} lacks"
            yield Problem(own, told)
            continue
        found = list(_named(method, own))
        yield from found
        if not found:
            for data in (MATCHED, *((AS_RELEASED,) if method.release else ())):
                yield from _arguments(profile, file, method, own, data)
    yield from _without_effect(profile, file)


def _named(method: Method, own: str) -> Iterator[Problem]:
    """The trainer is a trainer of the method's kind, and each reward can be called as TRL calls it."""
    from trl import GRPOTrainer, SFTTrainer

    base = SFTTrainer if method.kind == "sft" else GRPOTrainer
    trainer, problem = _resolved(method.trainer)
    if not problem and not (isinstance(trainer, type) and issubclass(trainer, base)):
        problem = f"is no {base.__name__}"
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


def _arguments(profile: Profile, file: str, method: Method, own: str, data: str) -> Iterator[Problem]:
    """The first problem of the arguments of one training, if there is one."""
    from baselines.trainers.arguments import ArgumentProblem, build_arguments

    given = {**arguments(profile, method, 0, data), "output_dir": "planned", "report_to": "none"}
    planned = _without_gpus(profile, given)
    try:
        kind = "sft" if method.kind == "sft" else "rl"
        build_arguments(kind, planned, len(method.rewards), profile.launch.processes)  # type: ignore[arg-type]
    except ArgumentProblem as error:
        yield _located(error.key, error.message, profile, file, method, own, data)


def _without_gpus(profile: Profile, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without what depends on the machine: a plan is often made where there are no GPUs."""
    if not profile.needs.gpus:
        return dict(given)
    kept = {key: value for key, value in given.items() if key not in ("tf32", "deepspeed")}
    return {**kept, "use_cpu": True}


def _located(
    key: str, message: str, profile: Profile, file: str, method: Method, own: str, data: str
) -> Problem:
    """The problem with the file and the key that say it: the method's, else the profile's."""
    if key and data == AS_RELEASED and key in method.release_knobs:
        return Problem(f"{own}: release_knobs.{key}", message)
    if key and key in method.knobs:
        return Problem(f"{own}: knobs.{key}", message)
    for section in (method.budget, COMMON):
        if key and key in profile.training.get(section, {}):
            return Problem(f"{file}: training.{section}.{key}", f"{message} (method {method.id})")
    where = f"{file}: training.{method.budget}" + (f".{key}" if key else "")
    return Problem(where, f"{message} (method {method.id})")


def _without_effect(profile: Profile, file: str) -> Iterator[Problem]:
    """Keys that the knobs of every method with this budget override: they would not do what they say."""
    for name, section in profile.training.items():
        users = [one for one in all_methods() if one.trained and name in (one.budget, COMMON)]
        for key in section if users else ():
            if all(key in one.knobs for one in users):
                told = "has no effect, every method states it itself: use a method file (docs/add-a-method.md)"
                yield Problem(f"{file}: training.{name}.{key}", told)
