"""Reader of OmniMedVQA: `QA_information/{Open,Restricted}-access/<dataset>.json`, pictures under `Images/`.

One record of the release (in Chest CT Scan) has the key `modality` instead of `modality_type`; both are read.

Which slide, patient or picture a microscopy image of OmniMedVQA comes from, as far as its file name tells.

Images of one slide or patient must not stand on both sides of a split. What a name means is documented for BreakHis
and the NLM malaria data; for the others it is a GUESS from the names, always on the coarse side: too large a group
costs variety, too small a one leaks.

Example:
    >>> group("BreakHis", "Images/BreakHis/malignant/SOB_M_DC-14-2523-40-010.png")
    Group(name='BreakHis/14-2523', unit='patient')
    >>> group("CRC100k", "Images/CRC100k/LYM/LYM-AASHWNIT.tif").unit
    'image'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from anatomy_r1.data.problems import BadRecord, DataError, Problems
from anatomy_r1.data.readers.files import Inputs, existing_folder, inside, read_json

MODALITY = "Microscopy Images"
"""The modality of the paper's "MI" benchmark. Inferred: the paper only abbreviates it."""
_OPTIONS = ("option_A", "option_B", "option_C", "option_D")


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a modality, checked."""

    dataset: str
    question_id: str
    question_type: str
    question: str
    options: tuple[str, ...]
    """Two or four texts."""
    answer: str
    image: str
    """Path below the OmniMedVQA folder: `Images/...`."""
    modality: str
    source: str
    """`file:position`, positions from 1."""


def records(inputs: Inputs, problems: Problems, modality: str = MODALITY) -> Iterator[Record]:
    """The records of one modality, file by file; others are counted.

    Raises:
        DataError: when there is no file.
        BadRecord: for a record that lacks a field, or whose gold answer is none of its options, or a repeated id.
    """
    seen: set[str] = set()
    for path in tables(inputs.folders["QA_information"]):
        name = inputs.key("QA_information", path)
        for position, entry in enumerate(_entries(inputs.read("QA_information", path), name, problems), 1):
            try:
                record = _record(entry, path, name, position, modality)
                _check_new(record, seen, name, position)
            except BadRecord as bad:
                problems.bad(bad)
                continue
            if record is None:
                problems.exclude("another modality")
            else:
                yield record


def tables(folder: Path) -> list[Path]:
    """The question files, in order.

    Raises:
        DataError: when there is none.
    """
    what = "OmniMedVQA's question files (QA_information/Open-access/<dataset>.json)"
    found = sorted(existing_folder(folder, what).glob("*/*.json"))
    if not found:
        raise DataError(f"{folder}: holds no */*.json. Fix: point it at {what}")
    return found


def _entries(data: bytes, name: str, problems: Problems) -> list[Any]:
    try:
        content = read_json(data, name)
        if not isinstance(content, list):
            raise BadRecord(name, None, "no list of records", "fetch the file again")
    except BadRecord as bad:
        problems.bad(bad)
        return []
    return content


def _check_new(record: Record | None, seen: set[str], name: str, position: int) -> None:
    if record is not None and record.question_id in seen:
        raise BadRecord(name, position, f"duplicate id {record.question_id!r}", "remove one of the records")
    if record is not None:
        seen.add(record.question_id)


def _record(entry: Any, path: Path, name: str, position: int, modality: str) -> Record | None:
    if not isinstance(entry, Mapping):
        raise BadRecord(name, position, "no record", "fetch the file again")
    found = entry.get("modality_type", entry.get("modality"))
    if found is None:
        raise BadRecord(name, position, "neither modality_type nor modality", "add the field from the release")
    if found != modality:
        return None
    missing = [
        key for key in ("question_id", "question_type", "question", "gt_answer", "image_path") if not entry.get(key)
    ]
    if missing:
        raise BadRecord(name, position, f"too few fields: no {', '.join(missing)}", "add them from the release")
    options = tuple(str(entry[key]).strip() for key in _OPTIONS if entry.get(key) not in (None, ""))
    answer = str(entry["gt_answer"]).strip()
    if answer not in options:
        fix = "correct gt_answer to the text of one option"
        raise BadRecord(name, position, f"gold answer {answer!r} is not among the options {options}", fix)
    if len(set(options)) != len(options):
        raise BadRecord(name, position, f"an option stands twice in {options}", "correct the options")
    return Record(
        dataset=str(entry.get("dataset") or path.stem),
        question_id=str(entry["question_id"]),
        question_type=str(entry["question_type"]),
        question=str(entry["question"]).strip(),
        options=options,
        answer=answer,
        image=inside(str(entry["image_path"]), name, position),
        modality=str(found),
        source=f"{name}:{position}",
    )


Unit = Literal["patient", "slide", "picture", "image"]


@dataclass(frozen=True, slots=True)
class Group:
    """A unit of independence."""

    name: str
    """`<dataset>/<key>`; for an image, its path."""
    unit: Unit
    """What it is; `image` when the name reveals nothing more."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """How a source names its files."""

    pattern: str
    """Searched in `<folder>/<stem>`; its groups, joined by `/`, are the key."""
    unit: Unit
    certain: bool
    """Whether the source documents the naming; otherwise it is a guess."""
    reason: str


RULES: dict[str, NameRule] = {
    "BreakHis": NameRule(
        # Letters after the case number (22549AB, 22549CD) tell blocks of one case apart (a guess, hence left out here).
        r"/SOB_[BM]_[A-Z]+-(\d\d-\d+)[A-Z]*-\d+-\d+$",
        "patient",
        True,
        "SOB_<class>_<type>-<year>-<slide>-<magnification>-<number>; one slide a patient, also if filed in two types",
    ),
    "NLM- Malaria Data": NameRule(
        r"/(C\d+)", "patient", True, "C<number>[P<number>]ThinF_...: the patient's slide, then date and cell"
    ),
    "MAlig Lymph": NameRule(r"/(sj-\d+-\d+)", "slide", False, "sj-<year>-<case>[-R<region>]_<field>"),
    "BioMediTech": NameRule(
        r"/(\d+_\d+)_\d+_\d+_\d+$", "picture", False, "<culture>_<picture>_<crop>_<class>_1: crops of one picture"
    ),
    "Blood Cell": NameRule(
        r"([^/]+)/_(\d+)_\d+$", "picture", False, "_<picture>_<random>: augmented copies of one picture of a class"
    ),
    "MHSMA": NameRule(r"/((?:train|test|val)\w*_\d+)$", "picture", False, "test_1.jpg and test_1.png: one picture"),
}


def group(dataset: str, image: str) -> Group:
    """Group of an image, given the name of its source and its path."""
    path = PurePosixPath(image)
    rule = RULES.get(dataset)
    found = re.search(rule.pattern, f"{path.parent.name}/{path.stem}") if rule else None
    if rule is None or found is None:
        return Group(image, "image")
    return Group(f"{dataset}/{'/'.join(found.groups())}", rule.unit)


def describe() -> dict[str, str]:
    """For the manifest: what each source is grouped by, guesses labelled."""
    return {
        dataset: f"{rule.unit}{'' if rule.certain else ' (a guess)'}: {rule.reason}" for dataset, rule in RULES.items()
    }
