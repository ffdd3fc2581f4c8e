"""YAML and JSON files read into pydantic models, with errors that name the file, the key, the value and a fix.

The type decides what is allowed: give it `extra="forbid"`, so that a misspelt key is an error instead of a default.
Whatever two YAML parsers may read differently is refused, not guessed: a key twice, `010` (8 or 10), `1:30` (90 or
text), `1e-3` where a number belongs (YAML 1.1 reads text, YAML 1.2 a number).
"""

from __future__ import annotations

import json
import re
import reprlib
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, PlainValidator, TypeAdapter, ValidationError

from anatomy_r1.errors import AnatomyR1Error

T = TypeVar("T")

FIX = "correct the file"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
"""A number as people write it; YAML 1.1 reads some of these as text."""
_AMBIGUOUS = re.compile(r"[+-]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
"""Plain numbers of YAML 1.1 that other parsers read otherwise: octal, and base 60."""
_FEW = 20
"""Keys that an error lists when none is near (our choice)."""
_MOST_NODES = 100_000
"""Values that a file may have once its aliases are resolved (our choice): a few lines of aliases can mean billions."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"should be text, found {reprlib.repr(value)}")
    return value


Text = Annotated[str, PlainValidator(_text)]
"""Any text, such as a model's; pydantic's own `str` refuses half a surrogate pair, which JSON may hold."""


def read_validated(path: Path, model: type[T], *, what: str, fix: str = FIX) -> T:
    """Read a JSON file (`.json`), or else a YAML file, into `model`: a pydantic model or a dataclass.

    `what` and `fix` are for the message: what the file should be ("family of comparisons"), and how to mend a mistake.

    Raises:
        AnatomyR1Error: The file cannot be read, is not YAML or JSON, has a key twice, or does not fit the model.
    """
    where = f"{path}: not a valid {what}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AnatomyR1Error(f"{path}: cannot read the {what}: {error.strerror}. Fix: name an existing file") from error
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise AnatomyR1Error(f"{where}: not UTF-8 text ({byte}). Fix: save it as UTF-8") from error
    try:
        content = parse_json(text) if path.suffix == ".json" else _yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise AnatomyR1Error(f"{where}: {_in_one_line(error)}. Fix: {fix}") from error
    if content is None or content == {}:
        raise AnatomyR1Error(f"{where}: the file is empty. Fix: {fix}")
    return validated(content, model, where=where, fix=fix)


def validated(content: object, model: type[T], *, where: str, fix: str = FIX) -> T:
    """Validate what was already read; the `AnatomyR1Error` begins with `where`, and lists up to five problems."""
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        problems = [_problem(model, one["loc"], one["type"], one["msg"], one["input"]) for one in error.errors()]
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise AnatomyR1Error(f"{where}: {'; '.join(problems[:5])}{more}. Fix: {fix}") from error


def unknown_key(key: str, known: Iterable[str], at: str = "") -> str:
    """What to say of an unknown key: the nearest known one, or all if they are few. `at` is its full path."""
    names = list(known)
    near = get_close_matches(key, names, n=1, cutoff=0.6 if len(names) <= _FEW else 0.0)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(names)}"
    return f"unknown key {at or key!r} ({hint})"


def spelt(value: object) -> str:
    """A value as found, and how to write it when it is a number in text form.

    Example:
        >>> spelt("2e-4")
        "the string '2e-4': write 2.0e-4, without quotes"
    """
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        return reprlib.repr(value)
    mantissa, _, exponent = value.lower().partition("e")
    number = f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{int(exponent):+d}" if exponent else mantissa
    return f"the string {value!r}: write {number}, without quotes"


def _problem(model: Any, location: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    """One problem in words: `unknown key 'levle' (did you mean 'level'?)`, `level: should be ..., found 'high'`."""
    at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
    if kind == "missing":
        return f"missing key {at!r}"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return unknown_key(str(location[-1]), _fields(_type_at(model, location[:-1])), at)
    if kind in ("model_type", "model_attributes_type", "dict_type", "dataclass_type", "dataclass_exact_type"):
        message = "should be a mapping of keys to values"
    text = re.sub(r"^(Value error, |\w+ (?=should ))", "", message).replace(". Fix: ", "; ")
    found = "" if kind == "value_error" else f", found {_found(kind, value)}"
    return f"{at}: {text}{found}" if at else f"{text}{found}"


def _found(kind: str, value: object) -> str:
    """The value, with how to write it where a number is wanted."""
    return spelt(value) if kind.startswith(("float", "int")) else reprlib.repr(value)


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


def _in_one_line(error: Exception) -> str:
    """What a parser says: the problem with its line and column, without its drawing of the place."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    problem = str(getattr(error, "problem", ""))
    tab = "; YAML takes no tabs: indent with blanks" if "'\\t'" in problem else ""
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1}){tab}"


def parse_json(text: str | bytes, *, constants: bool = False) -> Any:
    """JSON with no key twice and, without `constants`, neither NaN nor infinity; ValueError or RecursionError."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=None if constants else _no_number)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, without duplicate keys."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(key for key in keys if keys.count(key) > 1)!r}")
    return found


def _no_number(constant: str) -> object:
    raise ValueError(f"{constant} is no number of JSON")


def _yaml(text: str) -> object:
    """The one document of a YAML file; a `yaml.YAMLError` for what is no YAML or may be read in two ways."""
    loader = _ExactLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _expanded(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """Number of values below a node once aliases are resolved; refuses too many, and a value that contains itself."""
    if id(node) in known:
        if not known[id(node)]:
            raise _refused("an alias to a value that contains it", node)
        return known[id(node)]
    known[id(node)] = 0
    below = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    total = 1 + sum(_expanded(part, known) for part in below) if isinstance(node, yaml.CollectionNode) else 1
    if total > _MOST_NODES:
        raise _refused(f"aliases make more than {_MOST_NODES:,} values of it", node)
    known[id(node)] = total
    return total


def _refused(problem: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)


class _ExactLoader(yaml.SafeLoader):
    """A safe loader without PyYAML's guesses: it silently takes the last of two equal keys, and reads `010` as 8."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:  # a 13th month, a number of 5,000 digits
            raise _refused(str(error), node) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: list[object] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused("a key that is no plain word", key)
            _check_scalar(value, f"{key.value}: ")
            name = key.value if key.tag == _MERGE else self.construct_object(key)
            if name in seen:
                raise _refused(f"duplicate key {name!r}", key)
            seen.append(name)
        return super().construct_mapping(node, deep=deep)

    def construct_sequence(self, node: yaml.SequenceNode, deep: bool = False) -> list[Any]:
        for value in node.value:
            _check_scalar(value, "")
        return super().construct_sequence(node, deep=deep)


_MERGE = "tag:yaml.org,2002:merge"


def _check_scalar(node: yaml.Node, key: str) -> None:
    """Refuse a number that other YAML parsers read as another number, or as text."""
    numeric = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    if numeric and _AMBIGUOUS.fullmatch(node.value):
        raise _refused(f"{key}{node.value} is read differently by YAML 1.1 and 1.2: write it in plain digits", node)
