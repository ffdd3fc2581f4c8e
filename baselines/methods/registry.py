"""All methods: Table 1's in the paper's order, Table 2's, ours, controls, and those of files named on the command line.

A new one is one file and one entry here; or a file of one's own, and no entry (docs/add-a-method.md).

Methods of a file of one's own: `--method-file my_method.py` (docs/add-a-method.md).

The file is code that the person at the command line named, and it runs with that person's rights: nothing is ever run
from a data set, a checkpoint or a hub. It defines `METHODS`, a tuple of `Method`. Its hash is part of what each of them
is, so that a changed file runs its cells again; what the file imports besides is not seen.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from anatomy_r1.errors import AnatomyR1Error
from baselines.methods.asc import ASC, ASC_GDQA, ASC_POOL, ASC_RELEASED, ASC_SHUFFLED
from baselines.methods.control import MAJORITY, NAIVE_BAYES
from baselines.methods.dapo import DAPO
from baselines.methods.gdqa import GDQA, GDQA_NO_IMAGE, GDQA_NO_TEXT
from baselines.methods.gpg import GPG
from baselines.methods.grpo import COT_SFT_GRPO, GRPO, SFT_GRPO
from baselines.methods.method import Method
from baselines.methods.sft import COT_SFT, SFT
from baselines.methods.zero_shot import ZERO_SHOT

_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
"""An id is a folder's name and a word of a command line."""
_CURE = "Fix: see docs/add-a-method.md"


def read_methods(path: Path, known: Iterable[Method]) -> tuple[Method, ...]:
    """The methods of a file, each with the file's hash.

    Raises:
        AnatomyR1Error: when the file cannot be run, defines no methods, or one that contradicts itself or `known`.
    """
    content = _bytes(path)
    module = _run(path)
    methods = getattr(module, "METHODS", None)
    if not isinstance(methods, tuple) or not methods or not all(isinstance(one, Method) for one in methods):
        raise AnatomyR1Error(f"{path}: defines no METHODS = (...), a tuple of Method. {_CURE}")
    ids = [one.id for one in known]
    for one in methods:
        _check(path, one, ids, module)
        ids.append(one.id)
    return tuple(replace(one, file_sha256=hashlib.sha256(content).hexdigest()) for one in methods)


def _bytes(path: Path) -> bytes:
    if path.suffix != ".py":
        raise AnatomyR1Error(f"{path}: not a .py file. {_CURE}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnatomyR1Error(
            f"{path}: cannot be read ({error.strerror}). Fix: name your file with --method-file"
        ) from error


def _run(path: Path) -> ModuleType:
    """The file as a module that a dotted name finds, so that a method can name a trainer or reward of its own file."""
    name = f"method_file_{re.sub(r'[^0-9a-zA-Z]', '_', path.stem)}"
    if name in sys.modules:
        if sys.modules[name].__file__ == str(path):
            return sys.modules[name]
        raise AnatomyR1Error(f"{path}: another method file has this name too. Fix: rename one of them")
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AnatomyR1Error(f"{path}: cannot be run as Python. {_CURE}")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise AnatomyR1Error(f"{path}: fails when it is run: {type(error).__name__}: {error}. Fix: mend it") from error
    return module


def _check(path: Path, method: Method, ids: Sequence[str], module: ModuleType) -> None:
    if not _ID.fullmatch(method.id) or method.id == "all":
        raise AnatomyR1Error(
            f"{path}: method id {method.id!r}: small letters, digits, dots and hyphens only, at most 60, and not `all`"
        )
    if method.id in ids:
        raise AnatomyR1Error(f"{path}: there is a method {method.id!r} already. Fix: choose another id")
    if method.kind == "control":
        raise AnatomyR1Error(
            f"{path}: method {method.id}: a control has code of its own in baselines/methods/control.py"
        )
    if method.start not in ("base", *ids):
        raise AnatomyR1Error(f"{path}: method {method.id} starts from {method.start!r}, which is no method before it")
    for dotted in (method.trainer, *method.rewards):
        owner, _, name = dotted.rpartition(".")
        if owner == module.__name__ and not hasattr(module, name):
            raise AnatomyR1Error(f"{path}: method {method.id} names {name!r}, which the file does not define")


TABLE_1 = (ZERO_SHOT, SFT, COT_SFT, SFT_GRPO, COT_SFT_GRPO, GRPO, GPG, DAPO, ASC, GDQA)
TABLE_2 = (GDQA_NO_TEXT, GDQA_NO_IMAGE)
OURS = (ASC_GDQA, ASC_SHUFFLED, ASC_POOL, ASC_RELEASED)
CONTROLS = (MAJORITY, NAIVE_BAYES)
METHODS: tuple[Method, ...] = (*TABLE_1, *TABLE_2, *OURS, *CONTROLS)
_added: dict[str, tuple[Method, ...]] = {}
"""File -> its methods. Filled once, when a process starts: a cell knows its method by id alone."""


def add_methods(files: Sequence[str]) -> tuple[Method, ...]:
    """Make the methods of these files known in this process; returns them.

    Raises:
        AnatomyR1Error: as `read_methods`.
    """
    for file in files:
        if file not in _added:
            _added[file] = read_methods(Path(file), all_methods())
    return tuple(method for file in files for method in _added[file])


def all_methods() -> tuple[Method, ...]:
    """Ours, then those of files."""
    return (*METHODS, *(method for added in _added.values() for method in added))


def method(id: str) -> Method:  # noqa: A002
    """The method of that id.

    Raises:
        AnatomyR1Error: when there is none; lists those there are.
    """
    for known in all_methods():
        if known.id == id:
            return known
    raise AnatomyR1Error(f"no method {id!r}; there are: {', '.join(m.id for m in all_methods())}")
