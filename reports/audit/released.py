"""The authors' released files as the audit sees them: raw entries for their keys, questions for everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.inputs import Exclusions
from anatomy_r1.data.prepare.released import ReleasedRecord, read_released
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import Question

NAMES = ("GRPO.json", "GRPO-GDQA.json", "GRPO-ASC-Learning.json")
GDQA, ASC = NAMES[1], NAMES[2]
SKIPPED = "the released files were not given (--released DIR, with " + ", ".join(NAMES) + ")"
QuestionMeaning = tuple[str, str, object, object]
"""Image, family, target and relations: what a question asks, whatever its wording."""


@dataclass(frozen=True, eq=False)
class Released:
    """One file."""

    name: str
    entries: Sequence[Mapping[str, Any]]
    """As released, unparsed."""
    records: tuple[ReleasedRecord, ...]
    """Sound ones, in order."""
    skipped: tuple[str, ...]
    """`file:position: problem` of the others."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """Of the sound records."""
        return tuple(record.question for record in self.records)


def load(folder: Path) -> tuple[Released, ...]:
    """The files of `NAMES` that are in the folder.

    Raises:
        AnatomyR1Error: when there is none, or one is not a list of records.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if not found:
        raise AnatomyR1Error(f"{folder}: none of {', '.join(NAMES)} in it. Fix: name the folder that has them")
    return tuple(_file(path) for path in found)


def _file(path: Path) -> Released:
    data, exclusions = path.read_bytes(), Exclusions(skip_bad=True)
    sound = tuple(read_released(data, path.name, exclusions))
    entries = [entry for entry in json.loads(data) if isinstance(entry, Mapping)]
    if not sound:
        raise AnatomyR1Error(f"{path}: no released record in it. Fix: fetch the file again")
    return Released(path.name, entries, sound, tuple(exclusions.skipped))


def meaning(question: Question) -> QuestionMeaning:
    """What a question asks about which image; a stem that the grammar does not cover is its own meaning."""
    stem = parse_stem(question.stem)
    if stem.family == "other":
        return (question.image, "other", question.stem, ())
    return (question.image, stem.family, stem.target, stem.relations)


def named(files: Sequence[Released], name: str) -> Released | None:
    """The file of that name."""
    return next((file for file in files if file.name == name), None)
