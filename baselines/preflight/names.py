"""A profile against the methods of the run: names that nobody has, and sections that their readers would refuse.

A profile is checked by itself when it is read (`baselines/experiment/profile_file.py`); the arguments of its trainings
are built in `arguments.py`.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import PLAIN, VIEWS, split_row
from anatomy_r1.validation import spelt, unknown_key
from baselines.experiment.profile import Profile, profile_path
from baselines.experiment.training_section import COMMON
from baselines.methods.registry import all_methods
from baselines.runtime.processes import ACCELERATE

STAGES = ("world", "data", "base", "evaluate")
"""Stages with a cost of their own; a training's is that of its budget or method."""


@dataclass(frozen=True)
class Problem:
    """What would be refused, and where it is written."""

    where: str
    """File, and the key or method in it."""
    what: str
    method: str = ""
    """The method whose training would refuse it; empty where none is at issue."""


def _told(problems: Iterable[Problem]) -> list[str]:
    """Each problem once, with the methods that it stops."""
    stopped: dict[str, list[str]] = {}
    for one in problems:
        stopped.setdefault(f"{one.where}: {one.what.replace('. Fix: ', '; ')}", []).append(one.method)
    shown = {text: [name for name in dict.fromkeys(names) if name] for text, names in stopped.items()}
    return [text + (f" (stops {_listed(names)})" if names else "") for text, names in shown.items()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def check_profile(profile: Profile, source: str) -> None:
    """Check a profile's names, launcher, data and adapters; method files are known already.

    Raises:
        AnatomyR1Error: Up to three problems, each with its file and key.
    """
    refuse(_profile(profile, str(profile_path(source))))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise an AnatomyR1Error with the first three problems, if there are any."""
    if found := _told(problems):
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        fix = "correct the file; baselines/profiles/ and docs/add-a-method.md have complete examples"
        raise AnatomyR1Error(f"{'; '.join(found[:3])}{more}. Fix: {fix}")


def _profile(profile: Profile, file: str) -> Iterator[Problem]:
    """Names that are nobody's, and sections that their readers would refuse."""
    methods = all_methods()
    rows = {"all", *(one.id for one in methods)}
    for name in profile.default["methods"]:
        method, view = split_row(name)
        if method.partition("@")[0] not in rows:
            told = unknown_key(method.partition("@")[0], sorted(rows)).replace("key", "method", 1)
            yield Problem(f"{file}: default.methods", f"{told}, or name its file with --method-file")
        elif "@" in method or (view != PLAIN and method == "all"):
            yield Problem(f"{file}: default.methods", f"{name!r}: its view is none of {', '.join(VIEWS)}")
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
            yield Problem(file, str(error))


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
