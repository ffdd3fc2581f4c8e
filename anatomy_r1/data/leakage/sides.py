"""Passports of prepared sets and of files: where the training and the test questions come from.

A side is a split of a prepared set, or files (the authors' release, Med-R1's splits). Files hold texts and paths, no
images, so near duplicates cannot be computed for them. The passport of a prepared set is computed once and kept:

    DIR/leakage.json    the passport, and the hashes of the questions and inputs that it belongs to
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.data.inputs import DataError, Exclusions, read_bytes, read_json
from anatomy_r1.data.leakage.passport import IMAGE_HASH, Passport, from_dict, hash_images, passport, passport_of_videos
from anatomy_r1.data.plain_questions import is_plain, read_plain
from anatomy_r1.data.prepare.omnimed import read_med_r1
from anatomy_r1.data.prepare.released import read_released
from anatomy_r1.data.prepared import load, load_manifest
from anatomy_r1.data.splits import OFFICIAL_TEST, OFFICIAL_VALIDATION, UNUSED
from anatomy_r1.question import Question

FILE = "leakage.json"
VERSION = 1
NO_PICTURES = "the files hold texts and paths, no pictures"
VIDEOS: dict[str, tuple[str, frozenset[str]]] = {
    "official": ("SSG-VQA's official test videos", OFFICIAL_TEST),
    "official-validation": ("SSG-VQA's official validation videos", OFFICIAL_VALIDATION),
    "unused": ("the seven videos that the release leaves out", UNUSED),
}
"""Name on the command line -> title and videos of a test side of which only the videos are known."""


def compare(
    data: Path | None, train_files: Sequence[Path], test_files: Sequence[Path], test_videos: str | None
) -> Passport:
    """What `anatomy-r1 data leakage` prints. A side without files is that split of the prepared set `data`."""
    if test_files and test_videos:
        raise DataError("the test side is named twice. Fix: give --test-file or --test-videos, not both")
    if data and not (train_files or test_files or test_videos):
        return leakage(data)
    train_name, train = side("train", data, train_files)
    if test_videos:
        title, videos = VIDEOS[test_videos]
        return passport_of_videos(train, videos, (train_name, title))
    test_name, test = side("test", data, test_files)
    return passport(train, test, names=(train_name, test_name), no_hashes=NO_PICTURES)


def side(split: str, data: Path | None, files: Sequence[Path]) -> tuple[str, Sequence[Question]]:
    """Name and questions of a side."""
    if files:
        return " + ".join(path.name for path in files), read_questions(files)
    if data is None:
        raise DataError(f"nothing to take the {split} side from. Fix: name --{split}-file or --data")
    return f"{data.name} {split}", load(data, split).questions


def leakage(root: Path, test: Path | None = None) -> Passport:
    """The passport of the prepared set `root`, kept beside it if the folder is writable; `test`: another test set."""
    key = _key(root) if test is None else {**_key(root), "test": _key(test)}
    found = _read(root / FILE, key)
    if found is None:
        found = _compute(root, test or root)
        with contextlib.suppress(OSError):  # another user's set or a read-only mount: only slower next time
            _write(root / FILE, {**key, "passport": found.as_dict()})
    return found


def _compute(root: Path, test: Path) -> Passport:
    counts = load_manifest(root)["counts"]
    missing = [split for split in ("train", "test") if split not in counts or not counts[split]["questions"]]
    if root == test and missing:
        raise DataError(
            f"{root}: has no {' and no '.join(missing)} questions, so nothing can be compared. Fix: name the other "
            "side with --train-file, --test-file or --test-videos"
        )
    learnt, asked = load(root, "train"), load(test, "test")
    known, shown = (hash_images(one.image_root, (q.image for q in one.questions)) for one in (learnt, asked))
    return passport(learnt.questions, asked.questions, hashes=(known, shown))


def _key(root: Path) -> dict[str, Any]:
    manifest = load_manifest(root)
    stated = {"questions_sha256": manifest["questions_sha256"], "inputs": manifest["inputs"]}
    return {"version": VERSION, **stated, "image_hash": IMAGE_HASH}


def _read(path: Path, key: dict[str, Any]) -> Passport | None:
    """The stored passport, if it is valid and belongs to these questions."""
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


def read_questions(files: Sequence[Path]) -> tuple[Question, ...]:
    """All records of the files, in order; each file has the authors' format, Med-R1's or that of `plain_questions`.

    Raises:
        DataError: Two files have the same name, and so their records the same ids; or one cannot be read.
    """
    names = [path.name for path in files]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{twice[0]}: two of the files have this name. Fix: rename one, or name the file once")
    return tuple(question for path in files for question in _of_file(path))


def _of_file(path: Path) -> list[Question]:
    data = read_bytes(path)
    content = read_json(data, path.name)
    first = content[0] if isinstance(content, list) and content else None
    if is_plain(first):
        return read_plain(data, path.name)
    if not isinstance(first, Mapping) or not ({"instruction", "problem"} & first.keys()):
        what = "neither the authors' release nor a split file of Med-R1's, nor records of question, options and answer"
        raise DataError(f"{path}: {what}. Fix: name one of these; docs/blind.md has the last format")
    if "problem" in first:
        return list(read_med_r1(data, path.name, Exclusions()))
    return [record.question for record in read_released(data, path.name, Exclusions())]
