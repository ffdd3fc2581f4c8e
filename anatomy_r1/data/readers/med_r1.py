"""Med-R1's split of OmniMedVQA's microscopy records: `micro_train.json`, `micro_test.json`.

A record is `{"image", "problem", "solution"}`; `problem` holds the question and its options.

Example:
    >>> parse_problem("Which stain is it? A)Eosin, B)Orange G")
    ('Which stain is it?', ('Eosin', 'Orange G'))
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anatomy_r1.data.errors import BadRecord, Exclusions
from anatomy_r1.data.readers.files import inside, read_json
from anatomy_r1.question import LETTERS

_SOLUTION = re.compile(r"<answer> ([A-H]) </answer>")


@dataclass(frozen=True, slots=True)
class MedR1Record:
    """One record of a split file."""

    stem: str
    options: tuple[str, ...]
    letter: str
    image: str
    """Path below the OmniMedVQA folder: `Images/...`."""
    source: str

    @property
    def answer(self) -> str:
        """Text of the right option."""
        return self.options[LETTERS.index(self.letter)]

    @property
    def dataset(self) -> str:
        """OmniMedVQA's source: the folder below `Images`."""
        return self.image.split("/")[1]


def read_med_r1(data: bytes, name: str, exclusions: Exclusions) -> Iterator[MedR1Record]:
    """The records of a split file called `name`, in order.

    Raises:
        BadRecord: for a malformed record, or one whose solution names no option.
    """
    for position, entry in enumerate(read_json(data, name), 1):
        try:
            yield _record(entry, name, position)
        except BadRecord as bad:
            exclusions.bad(bad)


def parse_problem(text: str) -> tuple[str, tuple[str, ...]]:
    """Question and options of a `problem` text.

    Raises:
        ValueError: when it has fewer than two options.
    """
    stem, found, rest = text.partition(" A)")
    options = []
    for letter in LETTERS[1:]:
        option, more, tail = rest.partition(f", {letter})")
        options.append(option)
        if not more:
            break
        rest = tail
    if not found or len(options) < 2:
        raise ValueError(f"no options A), B) in {text!r}")
    return stem, tuple(options)


def _record(entry: Any, name: str, position: int) -> MedR1Record:
    if not isinstance(entry, Mapping) or not {"image", "problem", "solution"} <= entry.keys():
        raise BadRecord(name, position, "too few fields", "a record has image, problem and solution")
    try:
        stem, options = parse_problem(str(entry["problem"]))
    except ValueError as error:
        raise BadRecord(name, position, str(error), "restore the record") from error
    solution = _SOLUTION.fullmatch(str(entry["solution"]))
    if solution is None or LETTERS.index(solution[1]) >= len(options):
        problem = f"gold answer {entry['solution']!r} is not among the {len(options)} options"
        raise BadRecord(name, position, problem, "write <answer> A </answer> with the letter of an option")
    return MedR1Record(stem, options, solution[1], inside(str(entry["image"]), name, position), f"{name}:{position}")
