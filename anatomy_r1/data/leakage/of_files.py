"""Questions from files that hold texts and paths only: the authors' release and Med-R1's splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from anatomy_r1.data.problems import BadRecord, DataError, Problems
from anatomy_r1.data.readers import med_r1, released
from anatomy_r1.data.readers.files import read_json
from anatomy_r1.data.readers.omnimed_groups import group
from anatomy_r1.data.splits import OFFICIAL_TEST, OFFICIAL_VALIDATION, UNUSED
from anatomy_r1.question import Question

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
        raise DataError(f"{path}: cannot be read ({error.strerror}). Cure: check the path and its rights") from error
    content = read_json(data, path.name)
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, Mapping) or not ({"instruction", "problem"} & first.keys()):
        raise DataError(f"{path}: neither the authors' release nor a split file of Med-R1's. Cure: name one of these")
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
