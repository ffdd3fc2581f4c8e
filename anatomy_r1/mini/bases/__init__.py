"""The committed bases of the mini world: weights that nobody has to train, with their facts beside them.

Each is `NAME.safetensors` and `NAME.json`: recipe, seed, hashes, and what was measured. `rebuild.py` trains them again,
to the same bytes; docs/bases.md says how they were made and what they can do.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder, file_sha256, write_atomic
from anatomy_r1.mini.architecture import Size, build_model, build_processor, save
from anatomy_r1.mini.base import FACTS
from anatomy_r1.mini.recipe import Recipe
from anatomy_r1.validation import read_validated

FOLDER = Path(__file__).parent
WEIGHTS = "model.safetensors"
"""Name of the weights in a model's folder."""
FIX = "restore the file with git, or make it again with `tox -e rebuild-bases`"


class Facts(BaseModel):
    """What is known of a committed base."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    size: Size
    recipe: Mapping[str, Any]
    """Fields of `Recipe`, the seed among them."""
    sha256: str
    """Of the weights' file."""
    vocabulary_sha256: str
    """`vocabulary_hash` of the tokenizer that it was trained with."""
    arithmetic: Mapping[str, Any]
    """`anatomy_r1.arithmetic.record` of its training."""
    phases: Mapping[str, Mapping[str, float]]
    """As `anatomy_r1.mini.base.train` returns it."""
    measured: Mapping[str, Any]
    """On validation questions of another world (docs/bases.md)."""


def names() -> tuple[str, ...]:
    """Names of the committed bases."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def facts(name: str) -> Facts:
    """What is known of a base.

    Raises:
        AnatomyR1Error: when there is no such base, or its file is not as it should be.
    """
    if name not in names():
        known = f"one of {', '.join(names())}" if names() else "train it: python -m anatomy_r1.mini.rebuild --help"
        raise AnatomyR1Error(f"no committed base {name!r}. Fix: {known}")
    return read_validated(FOLDER / f"{name}.json", Facts, what="facts of a base", fix=FIX)


def recipe(name: str) -> Recipe:
    """The recipe that makes a base."""
    return Recipe(**facts(name).recipe)


def write(name: str, out: Path) -> None:
    """Writes a base as `from_pretrained` reads it, with its facts in `base.json`; replaces the folder.

    Raises:
        AnatomyR1Error: when the weights are not the committed ones, or belong to another vocabulary or shape.
    """
    known, weights = facts(name), FOLDER / f"{name}.safetensors"
    _check(known, weights)
    processor = build_processor(rewrites=recipe(name).rewrites)
    if vocabulary_hash(processor.tokenizer) != known.vocabulary_sha256:
        fix = "train the bases again (`tox -e rebuild-bases -- --replace`), or take the change back"
        raise AnatomyR1Error(f"{weights}: was trained with another vocabulary (tokenizer.py). Fix: {fix}")
    with atomic_folder(out) as folder:
        save(build_model(known.size, processor), processor, folder)
        _same_tensors(weights, folder / WEIGHTS)
        shutil.copyfile(weights, folder / WEIGHTS)
        write_atomic(folder / FACTS, known.model_dump_json(indent=1) + "\n")


def _check(known: Facts, weights: Path) -> None:
    if not weights.is_file():
        raise AnatomyR1Error(f"{weights}: missing. Fix: {FIX}")
    if (found := file_sha256(weights)) != known.sha256:
        raise AnatomyR1Error(f"{weights}: its SHA-256 is {found}, not {known.sha256}. Fix: {FIX}")


def _same_tensors(weights: Path, fresh: Path) -> None:
    """The committed file must hold the tensors that a model of today's code has."""
    from safetensors import safe_open

    shapes = []
    for path in (weights, fresh):
        with safe_open(path, framework="pt") as tensors:
            shapes.append({key: tensors.get_slice(key).get_shape() for key in tensors.keys()})  # noqa: SIM118
    if shapes[0] != shapes[1]:
        fix = "train the bases again (`tox -e rebuild-bases -- --replace`), or take the change back"
        raise AnatomyR1Error(f"{weights}: its tensors are not those of architecture.py. Fix: {fix}")


def vocabulary_hash(tokenizer: Any) -> str:
    """SHA-256 over the tokens in the order of their ids."""
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    return hashlib.sha256("\n".join(token for token, _ in tokens).encode()).hexdigest()
