"""The passport of a prepared set: its training questions against its test questions, computed once and kept beside it.

DIR/leakage.json    the passport, and the hashes of the questions and inputs that it is of
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from anatomy_r1.data.leakage.passport import Passport, from_dict, passport
from anatomy_r1.data.leakage.pictures import IMAGE_HASH, hash_pictures
from anatomy_r1.data.prepared import all_splits, load, load_manifest
from anatomy_r1.data.problems import DataError

FILE = "leakage.json"
VERSION = 1


def leakage(root: Path, test: Path | None = None) -> Passport:
    """The passport of the prepared set in `root`; written beside it where the folder can be written to.

    Args:
        root: the set with the training questions.
        test: the set with the test questions, where it is another one.

    Raises:
        DataError: when the set is not whole, or lacks train or test.
        AnatomyR1Error: when a picture cannot be read.
    """
    key = _key(root) if test is None else {**_key(root), "test": _key(test)}
    found = _read(root / FILE, key)
    if found is None:
        found = _compute(root) if test is None else _compute_pair(root, test)
        with contextlib.suppress(OSError):  # a set that others own or that is mounted read-only: read, only slower
            _write(root / FILE, {**key, "passport": found.as_dict()})
    return found


def _compute(root: Path) -> Passport:
    splits, images = all_splits(root), load(root).image_root
    if missing := [split for split in ("train", "test") if split not in splits]:
        raise DataError(
            f"{root}: has no {' and no '.join(missing)} questions, so nothing can be compared. Cure: name the other "
            "side with --train-file, --test-file or --test-videos"
        )
    sides = tuple(hash_pictures(images, (q.image for q in splits[split])) for split in ("train", "test"))
    return passport(splits["train"], splits["test"], hashes=(sides[0], sides[1]))


def _compute_pair(root: Path, test: Path) -> Passport:
    learnt, asked = load(root, "train"), load(test, "test")
    sides = tuple(hash_pictures(one.image_root, (q.image for q in one.questions)) for one in (learnt, asked))
    return passport(learnt.questions, asked.questions, hashes=(sides[0], sides[1]))


def _key(root: Path) -> dict[str, Any]:
    manifest = load_manifest(root)
    stated = {"questions_sha256": manifest["questions_sha256"], "inputs": manifest["inputs"]}
    return {"version": VERSION, **stated, "image_hash": IMAGE_HASH}


def _read(path: Path, key: dict[str, Any]) -> Passport | None:
    """What is kept there, if it is whole and of these questions."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = content.pop("passport")
        return from_dict(kept) if content == key else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, content: dict[str, Any]) -> None:
    """By rename from a folder of one's own: several cells of a grid may get here at once."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as own:
        new = Path(own) / path.name
        new.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        new.replace(path)
