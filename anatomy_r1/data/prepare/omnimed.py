"""OmniMedVQA's four-option microscopy records -> a prepared set, split by patient, slide or image.

OmniMedVQA has `QA_information/{Open,Restricted}-access/<dataset>.json` and `Images/`. Med-R1 splits its microscopy
records in `micro_train.json` and `micro_test.json`, with records `{"image", "problem", "solution"}`, where `problem`
holds the question and its options.

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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import (
    BadRecord,
    DataError,
    Exclusions,
    Inputs,
    existing_folder,
    in_generated_world,
    inside,
    read_json,
)
from anatomy_r1.data.prepare.options import OmniMedOptions
from anatomy_r1.data.splits import SPLITS, Reservoir, split_groups
from anatomy_r1.question import LETTERS, Question

BENCHMARK = "omnimed_mi"
OPTIONS = 4  # two-option records (468 of 5,680) are left out: their chance level differs
MODALITY = "Microscopy Images"
"""The modality of the paper's "MI" benchmark. Inferred: the paper only abbreviates it."""
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
    keys = [f"option_{letter}" for letter in "ABCD"]
    options = tuple(str(entry[key]).strip() for key in keys if entry.get(key) not in (None, ""))
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


def prepare(options: OmniMedOptions) -> Exclusions:
    """Read the records, split them and write the prepared set; returns what was left out."""
    root, exclusions = options.folder, Exclusions(options.skip_bad)
    inputs = Inputs({"QA_information": root / "QA_information", "Images": root / "Images"})
    existing_folder(inputs.folders["Images"], "OmniMedVQA's images")
    generated = in_generated_world(options.root, root)
    benchmark = f"{BENCHMARK}_mini" if generated else BENCHMARK
    records = list(_readable(read_omnimed(inputs, exclusions), inputs, exclusions))
    if options.med_r1 is None:
        rule = f"grouped, test {options.test_fraction:g}, validation {options.validation_fraction:g}"
        split = _split_by_group(records, options)
    else:
        rule, split = "med-r1", _med_r1_split(records, options.med_r1, inputs, exclusions)
    guess = {True: "", False: " (a guess)"}
    grouped_by = {name: f"{rule.unit}{guess[rule.certain]}: {rule.reason}" for name, rule in RULES.items()}
    manifest = {
        **exclusions.as_manifest(),
        "benchmark": benchmark,
        "generated": generated,
        "seed": options.seed,
        "split_rule": rule,
        "split_inferred": options.med_r1 is None,
        "sizes_inferred": not generated,
        "grouped_by": {**grouped_by, "others": "image"},
        "units": dict(Counter(record.group.unit for record in records)),
        "rationales": {"record": len(records)},
        "sources": inputs.sources(options.out),
    }
    prepared.write(options.out, _draw(records, split, options, benchmark), root, manifest, inputs.sha256)
    return exclusions


def _readable(records: Iterable[OmniMedRecord], inputs: Inputs, exclusions: Exclusions) -> Iterator[OmniMedRecord]:
    from tqdm import tqdm

    for record in tqdm(records, desc="microscopy records", unit="record", mininterval=1, disable=None):
        if len(record.options) != OPTIONS:
            exclusions.exclude(f"{len(record.options)} options")
            continue
        try:
            inputs.image("Images", inputs.folders["Images"].parent / record.image, record.source)
        except BadRecord as bad:
            exclusions.bad(bad)
        else:
            yield record


def _split_by_group(records: list[OmniMedRecord], options: OmniMedOptions) -> dict[str, str]:
    """Question id -> split."""
    sizes = Counter((record.dataset, record.group.name) for record in records)
    groups = {name: (dataset, count) for (dataset, name), count in sizes.items()}
    split = split_groups(groups, test=options.test_fraction, validation=options.validation_fraction, seed=options.seed)
    return {record.question_id: split[record.group.name] for record in records}


def _med_r1_split(records: list[OmniMedRecord], folder: Path, inputs: Inputs, exclusions: Exclusions) -> dict[str, str]:
    """Question id -> split, of the records that Med-R1's files have too."""
    inputs.folders["med_r1"] = existing_folder(folder, "Med-R1's split files (micro_train.json, micro_test.json)")
    found: dict[tuple[str, str, tuple[str, ...]], str] = {}
    for split in ("train", "test"):
        path = folder / f"micro_{split}.json"
        for record in read_med_r1(inputs.read("med_r1", path), inputs.key("med_r1", path), exclusions):
            found[record.image, record.stem, record.options] = split
    split_of = {r.question_id: found.get((r.image, r.question, r.options)) for r in records}
    exclusions.exclude("in neither of Med-R1's files", sum(split is None for split in split_of.values()))
    return {name: split for name, split in split_of.items() if split is not None}


def _draw(
    records: list[OmniMedRecord], split: Mapping[str, str], options: OmniMedOptions, benchmark: str
) -> dict[str, tuple[Question, ...]]:
    pools = {name: Reservoir(options.sizes.get(name, len(records)), options.seed) for name in SPLITS}
    for record in records:
        if record.question_id in split:
            try:
                pools[split[record.question_id]].add(_question(record, benchmark))
            except ValueError as error:
                raise DataError(f"{record.source}: {error}. Fix: correct the record") from error
    return {name: questions for name, pool in pools.items() if (questions := pool.draw(lambda _: True))}


def _question(record: OmniMedRecord, benchmark: str) -> Question:
    return Question(
        id=record.question_id,
        benchmark=benchmark,
        stem=record.question,
        options=record.options,
        answer=record.answer,
        image=record.image,
        category=record.question_type,
        cluster=record.group.name,
        family=record.dataset,
        source=record.source,
        rationale=f"{MODALITY} : {record.question_type} , so {record.answer}",  # from the record's own fields (ours)
    )
