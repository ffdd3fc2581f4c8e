"""All methods: this project's, and those of the files that `--method-file` names.

A new method of the project is one file in this folder, one entry below and a title in
`anatomy_r1/training/method_names.py`. A method of your own needs none of these: it is a Python file that defines
`METHODS`, a tuple of `Method` (docs/add-a-method.md). The file runs with the rights of the user who names it on the
command line; nothing is ever run from a data set, a checkpoint or a hub. The file's hash is part of each of its
methods, so that a changed file trains and evaluates them again. Modules that the file imports are not hashed.
"""

from __future__ import annotations

import hashlib
import re
import reprlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError

from anatomy_r1.errors import AnatomyR1Error
from baselines.methods.asc import ASC, ASC_GDQA, ASC_POOL, ASC_RELEASED, ASC_SHUFFLED
from baselines.methods.calibration import AGAIN, FLIPPED, GDQA_OFF, TWICE
from baselines.methods.control import MAJORITY, NAIVE_BAYES
from baselines.methods.dapo import DAPO
from baselines.methods.dr_grpo import DR_GRPO
from baselines.methods.gdqa import GDQA, GDQA_NO_IMAGE, GDQA_NO_TEXT
from baselines.methods.gpg import GPG
from baselines.methods.grpo import COT_SFT_GRPO, GRPO, SFT_GRPO
from baselines.methods.gspo import GSPO
from baselines.methods.method import Method
from baselines.methods.overlong import OVERLONG
from baselines.methods.papo import PAPO
from baselines.methods.sft import COT_SFT, SFT
from baselines.methods.zero_shot import ZERO_SHOT

TABLE_1 = (ZERO_SHOT, SFT, COT_SFT, SFT_GRPO, COT_SFT_GRPO, GRPO, GPG, DAPO, ASC, GDQA)
TABLE_2 = (GDQA_NO_TEXT, GDQA_NO_IMAGE)
OURS = (ASC_GDQA, ASC_SHUFFLED, ASC_POOL, ASC_RELEASED)
FURTHER = (DR_GRPO, GSPO, PAPO, OVERLONG)
CALIBRATION = (AGAIN, GDQA_OFF, FLIPPED, TWICE)
CONTROLS = (MAJORITY, NAIVE_BAYES)
METHODS: tuple[Method, ...] = (*TABLE_1, *TABLE_2, *OURS, *FURTHER, *CALIBRATION, *CONTROLS)
"""In the order of `anatomy_r1.training.method_names.TITLES`."""
_added: dict[str, tuple[Method, ...]] = {}
"""File -> its methods. Global, because a cell stores its method by id only; filled once, when a process starts."""
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
"""An id is a folder's name and a word of a command line."""
_DOCS = "docs/add-a-method.md"
_FIX = f"Fix: see {_DOCS}"
_KNOBS = ("knobs", "release_knobs")
_KNOB = "should be text, a number, True or False, a tuple of numbers, or None"


def all_methods() -> tuple[Method, ...]:
    """The project's methods, then those of users' files."""
    return (*METHODS, *(method for added in _added.values() for method in added))


def find_method(id: str) -> Method:  # noqa: A002
    """The method with this id; an unknown one is an error that lists the known ids."""
    for known in all_methods():
        if known.id == id:
            return known
    raise AnatomyR1Error(f"no method {id!r}; there are: {', '.join(m.id for m in all_methods())}")


def file_of(id: str) -> str:  # noqa: A002
    """The user's file that defines a method; empty for this project's."""
    return next((file for file, methods in _added.items() if id in (one.id for one in methods)), "")


def add_methods(files: Sequence[str]) -> tuple[Method, ...]:
    """Register the methods of these files in this process and return them."""
    for file in files:
        if file not in _added:
            _added[file] = read_methods(Path(file), all_methods())
    return tuple(method for file in files for method in _added[file])


def read_methods(path: Path, known: Iterable[Method]) -> tuple[Method, ...]:
    """The methods of a file, each with the file's hash; none may be inconsistent or clash with `known`."""
    if path.suffix != ".py":
        raise AnatomyR1Error(f"{path}: not a .py file. {_FIX}")
    try:
        content = path.read_bytes()
    except OSError as error:
        fix = "Fix: name your file with --method-file"
        raise AnatomyR1Error(f"{path}: cannot be read ({error.strerror}). {fix}") from error
    module = _run(path, content)
    methods = getattr(module, "METHODS", None)
    if not isinstance(methods, tuple) or not methods or not all(isinstance(one, Method) for one in methods):
        raise AnatomyR1Error(f"{path}: defines no METHODS = (...), a tuple of Method. {_FIX}")
    before = [*known]
    for one in methods:
        _check(path, one, before, module)
        before.append(one)
    return tuple(replace(one, file_sha256=hashlib.sha256(content).hexdigest()) for one in methods)


def _run(path: Path, content: bytes) -> ModuleType:
    """The file as an importable module, so that a method can name a trainer or reward of its own file.

    What runs is what was hashed: Python's cache of compiled files may be that of an earlier content of the same size.
    """
    name = f"method_file_{re.sub(r'[^0-9a-zA-Z]', '_', path.stem)}"
    if name in sys.modules:
        if sys.modules[name].__file__ == str(path):
            return sys.modules[name]
        raise AnatomyR1Error(f"{path}: another method file has this name too. Fix: rename one of them")
    spec = spec_from_file_location(name, path)
    if spec is None:
        raise AnatomyR1Error(f"{path}: cannot be run as Python. {_FIX}")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise AnatomyR1Error(f"{path}: fails when it is run: {told}. Fix: correct it") from error
    return module


def _check(path: Path, method: Method, known: Sequence[Method], module: ModuleType) -> None:
    """Refuse a method whose id is unusable or taken, or that refers to something undefined."""
    _check_types(path, method)
    ids = [one.id for one in known]
    if not _ID.fullmatch(method.id) or method.id == "all":
        allowed = "lower-case letters, digits, dots and hyphens only, at most 60, and not `all`"
        raise AnatomyR1Error(f"{path}: method id {method.id!r} is not allowed. Fix: use {allowed}")
    if method.id in ids:
        raise AnatomyR1Error(f"{path}: there is a method {method.id!r} already. Fix: choose another id")
    if alike := [one.id for one in known if _shown(one.label) == _shown(method.label)]:
        told = f"its label {method.label!r} is that of {alike[0]}: two rows of a table would look alike"
        raise AnatomyR1Error(f"{path}: method {method.id}: {told}. Fix: choose another label")
    if method.kind == "control":
        raise AnatomyR1Error(f"{path}: method {method.id}: a control needs code in baselines/methods/control.py")
    if method.start not in ("base", *ids):
        raise AnatomyR1Error(
            f"{path}: method {method.id} starts from {method.start!r}, which is not defined before it. {_FIX}"
        )
    if method.start in ids and not next(one.trained for one in known if one.id == method.start):
        fix = "Fix: start='base', which untrained methods are evaluated on"
        raise AnatomyR1Error(f"{path}: method {method.id} starts from {method.start!r}, which is not trained. {fix}")
    for dotted in (method.trainer, *method.rewards):
        owner, _, name = dotted.rpartition(".")
        if owner == module.__name__ and not hasattr(module, name):
            raise AnatomyR1Error(f"{path}: method {method.id} names {name!r}, which the file does not define. {_FIX}")


def _shown(label: str) -> str:
    """A label as a reader tells it from others: without regard to case and blanks."""
    return " ".join(label.split()).casefold()


def _check_types(path: Path, method: Method) -> None:
    """Every field is of the type that it is declared with: a method file is Python, where nothing else says so."""
    where = f"{path}: method {method.id}"
    for name, hint in get_type_hints(Method).items():
        value = getattr(method, name)
        try:
            TypeAdapter(hint).validate_python(dict(value) if name in _KNOBS else value, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            at = "".join(f"[{step!r}]" for step in first["loc"][:1])
            wanted = _KNOB if name in _KNOBS else first["msg"].removeprefix("Input ")
            told = f"{wanted}, found {reprlib.repr(first['input'])}"
            cure = "a dotted name such as f'{__name__}.my_reward'" if name == "rewards" else f"see {_DOCS}"
            raise AnatomyR1Error(f"{where}: {name}{at}: {told}. Fix: {cure}") from error
