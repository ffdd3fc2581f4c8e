"""Reader of the authors' released training files (`GRPO.json`, `GRPO-GDQA.json`, `GRPO-ASC-Learning.json`).

Keys: `instruction`, `sft_prompt` (or `sft_instruction`), `solution` (a letter), `answer`, `images`. The path in
`images` begins with a slash, in GRPO.json with a blank before it. The release has texts only, no images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from anatomy_r1.data.errors import BadRecord, Exclusions
from anatomy_r1.data.readers.files import inside, read_json
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.prompts import ParsedPrompt, parse, render_text
from anatomy_r1.question import Question

_FRAMES = "CholecT45/data/"


@dataclass(frozen=True, slots=True)
class ReleasedRecord:
    """One released record: the question and the wording of its prompts."""

    question: Question
    wording: str
    """Key of `anatomy_r1.prompts.WORDINGS`."""


def read_released(
    data: bytes, name: str, exclusions: Exclusions, benchmark: str = "sgg_anatomy"
) -> Iterator[ReleasedRecord]:
    """The records of a released file called `name`, in order. Ids are `stem-of-name/position`, from 1.

    Raises:
        BadRecord: for a malformed record, or one whose parts contradict each other.
    """
    for position, entry in enumerate(read_json(data, name), 1):
        try:
            yield _record(entry, name, position, benchmark)
        except BadRecord as bad:
            exclusions.bad(bad)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            exclusions.bad(BadRecord(name, position, f"not a released record ({error})", "fetch the file again"))


def _record(entry: Mapping[str, Any], name: str, position: int, benchmark: str) -> ReleasedRecord:
    think = parse(str(entry["instruction"]))
    direct = str(entry["sft_prompt"] if "sft_prompt" in entry else entry["sft_instruction"])
    path = str(entry["images"]).strip().lstrip("/")
    if not path.startswith(_FRAMES):
        raise BadRecord(name, position, f"path {path!r} lies outside {_FRAMES}", "correct the record")
    image = inside(path.removeprefix(_FRAMES), name, position)
    question = Question(
        id=f"{PurePosixPath(name).stem}/{position}",
        benchmark=benchmark,
        stem=think.stem,
        options=think.options,
        answer=str(entry["answer"]),
        image=image,
        category=str(entry["answer"]),
        cluster=image.split("/")[0],
        family=parse_stem(think.stem).family,
        source=f"{name}:{position}",
    )
    _agree(think, direct, question, str(entry["solution"]))
    return ReleasedRecord(question, think.wording)


def _agree(think: ParsedPrompt, direct: str, question: Question, letter: str) -> None:
    if think.style != "think":
        raise ValueError("`instruction` does not ask for reasoning")
    if direct.removeprefix("<image>") != render_text(think.stem, think.options, "direct", think.wording):
        raise ValueError("its two prompts ask different questions, or in different wordings")
    if letter != question.letter:
        raise ValueError(f"the solution is {letter!r}, but the answer is at {question.letter!r}")
