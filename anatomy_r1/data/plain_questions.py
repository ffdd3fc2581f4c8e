"""Multiple-choice questions of any benchmark, as plain JSON: for the blind ceiling, which needs no image.

A file is a list of records. `question`, `options` and `answer` are required:

    {"question": "What is shown?", "options": ["Liver", "Gut"], "answer": "B",
     "image": "a.png", "category": "anatomy", "cluster": "patient-1"}

`options` is a list, or an object of letters and texts. `answer` is the text of an option, or a letter where no option
has that text. `category` groups results; `cluster` is the independent unit (patient, video), by default the image, or
else the record. `/img/a.png`, `./img/a.png` and the same with backslashes are one image. Other keys are ignored.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from anatomy_r1.data.inputs import DataError, read_json
from anatomy_r1.question import LETTERS, Question
from anatomy_r1.validation import validated

NO_IMAGE = "no image/"
"""Begins what stands for the image of a record that names none: an image of its own, which is not known."""
FIX = "a record has question, options and answer (docs/blind.md)"


class PlainRecord(BaseModel):
    """One record."""

    model_config = ConfigDict(extra="ignore", strict=True)

    question: str = Field(min_length=1)
    options: list[str] | dict[str, str]
    answer: str
    image: str = ""
    category: str = ""
    cluster: str = ""


def is_plain(record: Any) -> bool:
    """Whether a parsed record has this format."""
    return isinstance(record, dict) and {"question", "options", "answer"} <= record.keys()


def read_plain(data: bytes, name: str) -> list[Question]:
    """All records of a file called `name`, in order.

    Raises:
        AnatomyR1Error: it is not JSON, or a record does not follow the format; names the record.
    """
    content = read_json(data, name)
    if not isinstance(content, list):
        raise DataError(f"{name}: no list of records. Fix: {FIX}")
    return [_question(entry, name, position) for position, entry in enumerate(content, 1)]


def _question(entry: Any, name: str, position: int) -> Question:
    record = validated(entry, PlainRecord, where=f"{name}:{position}", fix=FIX)
    try:
        options = _options(record)
        image = _path(record.image)
        return Question(
            id=f"{name}:{position}",
            benchmark="plain",
            stem=record.question,
            options=options,
            answer=_answer(record.answer, options),
            image=image or f"{NO_IMAGE}{name}-{position}",
            category=record.category,
            cluster=record.cluster or image or f"{name}-{position}",
            source=f"{name}:{position}",
        )
    except ValueError as error:
        raise DataError(f"{name}:{position}: {error}. Fix: {FIX}") from error


def _path(stated: str) -> str:
    """An image's path in one spelling; empty if none is stated."""
    path = PurePosixPath(stated.strip().replace("\\", "/").lstrip("/"))
    return path.as_posix() if path.parts else ""


def names_image(question: Question) -> bool:
    """Whether it is known which image a question is about."""
    return not question.image.startswith(NO_IMAGE)


def names_cluster(question: Question) -> bool:
    """Whether it is known which patient, video or image a question belongs to: of a record without any, it is not."""
    return names_image(question) or f"{NO_IMAGE}{question.cluster}" != question.image


def _options(record: PlainRecord) -> tuple[str, ...]:
    if isinstance(record.options, list):
        return tuple(record.options)
    expected = LETTERS[: len(record.options)]
    if "".join(sorted(record.options)) != expected:
        raise ValueError(f"the letters of the options are {sorted(record.options)}, not {', '.join(expected)}")
    return tuple(record.options[letter] for letter in expected)


def _answer(text: str, options: tuple[str, ...]) -> str:
    if text in options:
        return text
    if len(text) == 1 and text in LETTERS[: len(options)]:
        return options[LETTERS.index(text)]
    raise ValueError(f"the answer {text!r} is neither an option nor the letter of one")
