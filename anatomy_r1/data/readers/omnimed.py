"""Readers of OmniMedVQA (`QA_information/{Open,Restricted}-access/<dataset>.json`, `Images/`), and of Med-R1's split.

Med-R1's `micro_train.json` and `micro_test.json` have records `{"image", "problem", "solution"}` of the microscopy
images; `problem` holds the question and its options.

A record's group is the patient, slide or picture that its image comes from, as far as the file name tells. Images of
one group must not be in two splits. The names are documented for BreakHis and the NLM malaria data; for the other
sources their meaning is a GUESS, always on the coarse side: a group too large costs variety, one too small leaks.

Example:
    >>> image_group("BreakHis", "Images/BreakHis/malignant/SOB_M_DC-14-2523-40-010.png")
    ImageGroup(name='BreakHis/14-2523', unit='patient')
    >>> image_group("CRC100k", "Images/CRC100k/LYM/LYM-AASHWNIT.tif").unit
    'image'
    >>> parse_problem("Which stain is it? A)Eosin, B)Orange G")
    ('Which stain is it?', ('Eosin', 'Orange G'))
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from anatomy_r1.data.inputs import BadRecord, DataError, Exclusions, Inputs, existing_folder, inside, read_json
from anatomy_r1.question import LETTERS, Question

MODALITY = "Microscopy Images"
"""The modality of the paper's "MI" benchmark. Inferred: the paper only abbreviates it."""
_OPTIONS = ("option_A", "option_B", "option_C", "option_D")
_SOLUTION = re.compile(r"<answer> ([A-H]) </answer>")
_REQUIRED = ("question_id", "question_type", "question", "gt_answer", "image_path")

Unit = Literal["patient", "slide", "picture", "image"]


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """Images that belong together: the unit of independence for splits and intervals."""

    name: str
    """`<dataset>/<key>`; for a single image, its path."""
    unit: Unit
    """What the group is; `image` when the file name tells no more."""


@dataclass(frozen=True, slots=True)
class OmniMedRecord:
    """One checked record."""

    dataset: str
    question_id: str
    question_type: str
    question: str
    options: tuple[str, ...]
    """Two or four texts."""
    answer: str
    image: str
    """Path below the OmniMedVQA folder: `Images/...`."""
    source: str
    """`file:position`, positions from 1."""

    @property
    def group(self) -> ImageGroup:
        """Group of its image."""
        return image_group(self.dataset, self.image)


def read_omnimed(inputs: Inputs, exclusions: Exclusions) -> Iterator[OmniMedRecord]:
    """The microscopy records, file by file; records of other modalities are counted."""
    folder = inputs.folders["QA_information"]
    what = "OmniMedVQA's question files (QA_information/Open-access/<dataset>.json)"
    paths = sorted(existing_folder(folder, what).glob("*/*.json"))
    if not paths:
        raise DataError(f"{folder}: holds no */*.json. Fix: point it at {what}")
    seen: set[str] = set()
    for path in paths:
        name = inputs.key("QA_information", path)
        for position, entry in enumerate(_entries(inputs.read("QA_information", path), name, exclusions), 1):
            try:
                record = _record(entry, path, name, position)
                if record is not None and record.question_id in seen:
                    raise BadRecord(name, position, f"duplicate id {record.question_id!r}", "remove one of the records")
            except BadRecord as bad:
                exclusions.bad(bad)
                continue
            if record is None:
                exclusions.exclude("another modality")
            else:
                seen.add(record.question_id)
                yield record


def _entries(data: bytes, name: str, exclusions: Exclusions) -> list[Any]:
    try:
        content = read_json(data, name)
        if not isinstance(content, list):
            raise BadRecord(name, None, "no list of records", "fetch the file again")
    except BadRecord as bad:
        exclusions.bad(bad)
        return []
    return content


def _record(entry: Any, path: Path, name: str, position: int) -> OmniMedRecord | None:
    """A record, or None for one of another modality."""
    if not isinstance(entry, Mapping):
        raise BadRecord(name, position, "no record", "fetch the file again")
    # One record of the release (in Chest CT Scan) has the key `modality` instead of `modality_type`.
    modality = entry.get("modality_type", entry.get("modality"))
    if modality is None:
        raise BadRecord(name, position, "neither modality_type nor modality", "add the field from the release")
    if modality != MODALITY:
        return None
    if missing := [key for key in _REQUIRED if not entry.get(key)]:
        raise BadRecord(name, position, f"too few fields: no {', '.join(missing)}", "add them from the release")
    options = tuple(str(entry[key]).strip() for key in _OPTIONS if entry.get(key) not in (None, ""))
    answer = str(entry["gt_answer"]).strip()
    if answer not in options:
        fix = "correct gt_answer to the text of one option"
        raise BadRecord(name, position, f"gold answer {answer!r} is not among the options {options}", fix)
    if len(set(options)) != len(options):
        raise BadRecord(name, position, f"an option occurs twice in {options}", "correct the options")
    return OmniMedRecord(
        dataset=str(entry.get("dataset") or path.stem),
        question_id=str(entry["question_id"]),
        question_type=str(entry["question_type"]),
        question=str(entry["question"]).strip(),
        options=options,
        answer=answer,
        image=inside(str(entry["image_path"]), name, position),
        source=f"{name}:{position}",
    )


@dataclass(frozen=True, slots=True)
class NameRule:
    """How a source names its image files."""

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


def image_group(dataset: str, image: str) -> ImageGroup:
    """Group of an image, from the name of its source and its path."""
    path = PurePosixPath(image)
    rule = RULES.get(dataset)
    found = re.search(rule.pattern, f"{path.parent.name}/{path.stem}") if rule else None
    if rule is None or found is None:
        return ImageGroup(image, "image")
    return ImageGroup(f"{dataset}/{'/'.join(found.groups())}", rule.unit)


def grouping() -> dict[str, str]:
    """For the manifest: what each source is grouped by, with guesses labelled."""
    return {
        dataset: f"{rule.unit}{'' if rule.certain else ' (a guess)'}: {rule.reason}" for dataset, rule in RULES.items()
    }


def read_med_r1(data: bytes, name: str, exclusions: Exclusions) -> Iterator[Question]:
    """The records of a split file called `name`, in order; `family` is OmniMedVQA's dataset."""
    for position, entry in enumerate(read_json(data, name), 1):
        try:
            yield _med_r1_question(entry, name, position)
        except BadRecord as bad:
            exclusions.bad(bad)


def parse_problem(text: str) -> tuple[str, tuple[str, ...]]:
    """Question and options of a `problem` text; ValueError if it has fewer than two options."""
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


def _med_r1_question(entry: Any, name: str, position: int) -> Question:
    if not isinstance(entry, Mapping) or not {"image", "problem", "solution"} <= entry.keys():
        raise BadRecord(name, position, "too few fields", "a record has image, problem and solution")
    try:
        stem, options = parse_problem(str(entry["problem"]))
        solution = _SOLUTION.fullmatch(str(entry["solution"]))
        if solution is None or LETTERS.index(solution[1]) >= len(options):
            problem = f"gold answer {entry['solution']!r} is not among the {len(options)} options"
            raise BadRecord(name, position, problem, "write <answer> A </answer> with the letter of an option")
        image = inside(str(entry["image"]), name, position)
        dataset = image.split("/")[1]  # the folder below `Images`
        return Question(
            id=f"{name}:{position}",
            benchmark="omnimed_mi",
            stem=stem,
            options=options,
            answer=options[LETTERS.index(solution[1])],
            image=image,
            category="",
            cluster=image_group(dataset, image).name,
            family=dataset,
            source=f"{name}:{position}",
        )
    except BadRecord:
        raise
    except ValueError as error:
        raise BadRecord(name, position, str(error), "restore the record") from error
