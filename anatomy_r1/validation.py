"""YAML and JSON files read into pydantic models, with errors that name the file, the key, the value and a fix.

The type decides what is allowed: give it `extra="forbid"`, so that a misspelt key is an error instead of a default.
"""

from __future__ import annotations

import json
import re
import reprlib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from anatomy_r1.errors import AnatomyR1Error

T = TypeVar("T")

FIX = "correct the file"


def read_validated(path: Path, model: type[T], *, what: str, fix: str = FIX) -> T:
    """Read a JSON file (`.json`), or else a YAML file, into `model`: a pydantic model or a dataclass.

    `what` and `fix` are for the message: what the file should be ("family of comparisons"), and how to mend a mistake.

    Raises:
        AnatomyR1Error: The file cannot be read, is not YAML or JSON, has a key twice, or does not fit the model.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            content = json.loads(text, object_pairs_hook=_unique)
        else:
            content = yaml.load(text, Loader=_UniqueKeyLoader)
    except OSError as error:
        raise AnatomyR1Error(f"{path}: cannot read the {what}: {error.strerror}. Fix: name an existing file") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise AnatomyR1Error(f"{path}: not a valid {what}: {error}. Fix: {fix}") from error
    return validated(content, model, where=f"{path}: not a valid {what}", fix=fix)


def validated(content: object, model: type[T], *, where: str, fix: str = FIX) -> T:
    """Validate what was already read; the `AnatomyR1Error` begins with `where`, and lists up to five problems."""
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        problems = [_problem(model, one["loc"], one["type"], one["msg"], one["input"]) for one in error.errors()]
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise AnatomyR1Error(f"{where}: {'; '.join(problems[:5])}{more}. Fix: {fix}") from error


def _problem(model: Any, location: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    """One problem in words: `unknown key 'levle' (did you mean 'level'?)`, `level: should be ..., found 'high'`."""
    at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
    if kind == "missing":
        return f"missing key {at!r}"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = list(_fields(_type_at(model, location[:-1])))
        near = get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key {at!r} ({hint})"
    text = re.sub(r"^(Value error, |\w+ (?=should ))", "", message)
    found = "" if kind == "value_error" else f", found {reprlib.repr(value)}"
    return f"{at}: {text}{found}" if at else f"{text}{found}"


def _fields(model: Any) -> Mapping[str, Any]:
    """Key -> type of a pydantic model or a dataclass, also of `Model | None`; empty for any other type."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    if is_dataclass(model):
        return typing.get_type_hints(model)
    return next(filter(None, map(_fields, typing.get_args(model))), {})


def _type_at(model: Any, location: Sequence[int | str]) -> Any:
    """The type below `model` at a location; None where an annotation is too intricate to follow."""
    for step in location:
        of = typing.get_origin(model)
        if isinstance(of, type) and issubclass(of, (Mapping, Sequence)):
            model = typing.get_args(model)[-1]  # what the container holds
        else:
            model = _fields(model).get(str(step))
    return model


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys, of which PyYAML silently takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    problem = f"duplicate key {key.value!r}"
                    raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key.start_mark)
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep=deep)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, without duplicate keys."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(key for key in keys if keys.count(key) > 1)!r}")
    return found
