"""The passport of a prepared set: its training questions against its test questions, computed once and kept beside it.

DIR/leakage.json    the passport, and the hashes of the questions and inputs that it is of

Questions from files that hold texts and paths only: the authors' release and Med-R1's splits.

What `anatomy-r1 data leakage` compares: two splits of a prepared set, or files in the place of one or both.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.data.leakage.passport import Passport, from_dict, passport, passport_of_videos
from anatomy_r1.data.leakage.pictures import IMAGE_HASH, hash_pictures
from anatomy_r1.data.prepared import all_splits, load, load_manifest
from anatomy_r1.data.problems import BadRecord, DataError, Problems
from anatomy_r1.data.readers import med_r1, released
from anatomy_r1.data.readers.files import read_json
from anatomy_r1.data.readers.omnimed import group
from anatomy_r1.data.splits import OFFICIAL_TEST, OFFICIAL_VALIDATION, UNUSED
from anatomy_r1.question import Question

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
            f"{root}: has no {' and no '.join(missing)} questions, so nothing can be compared. Fix: name the other "
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


NO_PICTURES = "the files hold texts and paths, no pictures"
VIDEOS: dict[str, tuple[str, frozenset[str]]] = {
    "official": ("SSG-VQA's official test videos", OFFICIAL_TEST),
    "official-validation": ("SSG-VQA's official validation videos", OFFICIAL_VALIDATION),
    "unused": ("the seven videos that the release leaves out", UNUSED),
}
"""Name on the command line -> title and videos of a test side of which only these are known."""


def questions(files: Sequence[Path]) -> tuple[Question, ...]:
    """All records of the files, in order; each file is in the authors' form or in Med-R1's.

    Raises:
        DataError: when a file cannot be read, or a record is of neither form.
    """
    return tuple(question for path in files for question in _questions(path))


def _questions(path: Path) -> list[Question]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Fix: check the path and its rights") from error
    content = read_json(data, path.name)
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, Mapping) or not ({"instruction", "problem"} & first.keys()):
        raise DataError(f"{path}: neither the authors' release nor a split file of Med-R1's. Fix: name one of these")
    if "problem" in first:
        return [_of_med_r1(record) for record in med_r1.records(data, path.name, Problems())]
    return [record.question for record in released.records(data, path.name, Problems())]


def _of_med_r1(record: med_r1.Record) -> Question:
    try:
        return Question(
            id=record.source,
            benchmark="omnimed_mi",
            stem=record.stem,
            options=record.options,
            answer=record.answer,
            image=record.image,
            category="",
            cluster=group(record.dataset, record.image).name,
            family=record.dataset,
            source=record.source,
        )
    except ValueError as error:
        raise BadRecord(record.source, None, str(error), "restore the record") from error


Named = tuple[str, Sequence[Question]]


def compare(
    data: Path | None, train_files: Sequence[Path], test_files: Sequence[Path], test_videos: str | None
) -> Passport:
    """The passport asked for; a side for which no file is named is that split of the prepared set `data`.

    Raises:
        DataError: when a side is not named or named twice, or cannot be read.
    """
    if test_files and test_videos:
        raise DataError("the test side is named twice. Fix: give --test-file or --test-videos, not both")
    if data and not (train_files or test_files or test_videos):
        return leakage(data)
    train = _side("train", data, train_files)
    if test_videos:
        title, videos = VIDEOS[test_videos]
        return passport_of_videos(train[1], videos, (train[0], title))
    test = _side("test", data, test_files)
    return passport(train[1], test[1], names=(train[0], test[0]), no_hashes=NO_PICTURES)


def _side(split: str, data: Path | None, files: Sequence[Path]) -> Named:
    if files:
        return " + ".join(path.name for path in files), questions(files)
    if data is None:
        raise DataError(f"nothing to take the {split} side from. Fix: name --{split}-file or --data")
    return f"{data.name} {split}", load(data, split).questions
