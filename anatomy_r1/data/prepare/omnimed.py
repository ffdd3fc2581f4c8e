"""OmniMedVQA's four-option microscopy records -> a prepared set, split by patient, slide or image.

OmniMedVQA has `QA_information/{Open,Restricted}-access/<dataset>.json` and `Images/`. Med-R1 splits its microscopy
records in `micro_train.json` and `micro_test.json`, with records `{"image", "problem", "solution"}`, where `problem`
holds the question and its options.

A record's group is that of its image (`anatomy_r1.data.prepare.image_names`).

Example:
    >>> parse_problem("Which stain is it? A)Eosin, B)Orange G")
    ('Which stain is it?', ('Eosin', 'Orange G'))
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import (
    BadRecord,
    DataError,
    Exclusions,
    Inputs,
    existing_folder,
    field_path,
    field_text,
    in_generated_world,
    read_records,
)
from anatomy_r1.data.prepare.image_names import (
    RULES,
    ImageFinder,
    ImageGroup,
    doubt,
    image_group,
    images_folder,
    readings,
    source_name,
)
from anatomy_r1.data.prepare.options import OmniMedOptions
from anatomy_r1.data.prepare.source_folders import find_folder
from anatomy_r1.data.splits import SPLITS, Reservoir, split_groups
from anatomy_r1.data.variants import BALANCED, CONFOUNDED, balanced, confounded, omnimed_rules, variant_name
from anatomy_r1.question import LETTERS, Question, look_alike

BENCHMARK = "omnimed_mi"
OPTIONS = 4  # two-option records (468 of 5,680) are left out: their chance level differs
MODALITY = "Microscopy Images"
"""The modality of the paper's "MI" benchmark. Inferred: the paper only abbreviates it."""
_SOLUTION = re.compile(r"<answer> ([A-H]) </answer>")
_REQUIRED = ("question_id", "question_type", "question", "gt_answer", "image_path")


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
    seen: set[str] = set()
    asked: dict[tuple[str, ...], str] = {}
    finder = ImageFinder(inputs.folders["Images"].parent)
    for path in _question_files(inputs.folders["QA_information"]):
        name = inputs.key("QA_information", path)
        for position, entry in read_records(inputs.read("QA_information", path), name, exclusions):
            try:
                record = _record(entry, path, name, position)
                if record is not None and record.question_id in seen:
                    raise BadRecord(name, position, f"duplicate id {record.question_id!r}", "remove one of the records")
                record = record and _found(record, finder, (name, position))
            except BadRecord as bad:
                exclusions.bad(bad)
                continue
            if record is None:
                exclusions.exclude("another modality")
            else:
                seen.add(record.question_id)
                _note(record, entry, exclusions)
                if why := _repetition(record, asked):
                    exclusions.warned[why] += 1
                yield record


def _question_files(folder: Path) -> list[Path]:
    what = "OmniMedVQA's question files (QA_information/Open-access/<dataset>.json)"
    found = existing_folder(folder, what)
    files = (path for path in found.rglob("*") if path.suffix.casefold() == ".json" and path.is_file())
    paths = sorted(path for path in files if path.name[0] != "." and "__MACOSX" not in path.parts)
    if not paths:
        raise DataError(f"{folder}: holds no JSON file. Fix: point it at {what}")
    return paths


def _record(entry: Mapping[str, Any], path: Path, name: str, position: int) -> OmniMedRecord | None:
    """A record, its image path as stated; None for one of another modality."""
    where = (name, position)
    # One record of the release (in Chest CT Scan) has the key `modality` instead of `modality_type`.
    modality = field_text(entry, "modality_type", where) or field_text(entry, "modality", where)
    if not modality:
        raise BadRecord(*where, "neither modality_type nor modality", "add the field from the release")
    if modality.casefold() != MODALITY.casefold():
        return None
    texts = {key: field_text(entry, key, where) for key in _REQUIRED}
    if missing := [key for key, text in texts.items() if not text]:
        raise BadRecord(*where, f"too few fields: no {', '.join(missing)}", "add them from the release")
    options = tuple(filter(None, (_one_line(field_text(entry, f"option_{letter}", where)) for letter in "ABCD")))
    answer = _one_line(texts["gt_answer"])
    if answer not in options:
        fix = "correct gt_answer to the text of one option"
        raise BadRecord(*where, f"gold answer {answer!r} is not among the options {options}", fix)
    if len(set(map(look_alike, options))) != len(options):
        raise BadRecord(*where, f"an option occurs twice in {options}, form aside", "correct the options")
    if more := [key for key in entry if re.fullmatch("option_[E-Z]", key) and field_text(entry, key, where)]:
        raise BadRecord(*where, f"{more[0]}: the benchmark has options A to D", "correct the record")
    if misplaced := [one for letter, one in zip(LETTERS, options, strict=False) if one in LETTERS and one != letter]:
        problem = f"option {misplaced[0]!r} is the letter of another one"
        raise BadRecord(*where, f"{problem} in {options}", "write out what the option means")
    image = field_path(entry, "image_path", where)
    return OmniMedRecord(
        dataset=source_name(field_text(entry, "dataset", where) or path.stem, image),
        question_id=texts["question_id"],
        question_type=texts["question_type"],
        question=texts["question"],
        options=options,
        answer=answer,
        image=image,
        source=f"{name}:{position}",
    )


def _one_line(text: str) -> str:
    """An option without line breaks: in a prompt, what follows one would stand on a line of its own, as an option."""
    return " ".join(map(str.strip, text.splitlines())) if len(text.splitlines()) > 1 else text


def _repetition(record: OmniMedRecord, asked: dict[tuple[str, ...], str]) -> str:
    """A warning if an earlier record has the same question, image and options in whatever order; else empty."""
    question = (record.image, look_alike(record.question), *sorted(map(look_alike, record.options)))
    if question not in asked:
        asked[question] = look_alike(record.answer)
        return ""
    if asked[question] != look_alike(record.answer):
        return "a question again with another answer, so that one of the two is wrong"
    return "a question again under another id, so that it counts twice"


def _found(record: OmniMedRecord, finder: ImageFinder, where: tuple[str, int]) -> OmniMedRecord:
    """The record with the path of the one file that is meant; as stated if there is none, which is an error later."""
    found = finder.find(record.image)
    if len(found) > 1:
        problem = f"image_path {record.image!r} can mean {' or '.join(found)}"
        raise BadRecord(*where, problem, "write the path below OmniMedVQA's folder, or rename one of the files")
    return replace(record, image=found[0] if found else readings(record.image)[0])


def _note(record: OmniMedRecord, entry: Mapping[str, Any], exclusions: Exclusions) -> None:
    """Count what was read other than it stands, and what is doubtful."""
    stated = str(entry.get("dataset") or "") or record.dataset
    if record.image != entry["image_path"]:
        exclusions.changed["image_path respelled"] += 1
    if stated != record.dataset:
        exclusions.changed[f"dataset {stated!r} read as {record.dataset!r}"] += 1
    blank = [f"option_{letter}" for letter in "ABCD" if entry.get(f"option_{letter}") not in (None, "")]
    if any(_one_line(text) != text for text in (str(entry.get(f"option_{letter}") or "").strip() for letter in "ABCD")):
        exclusions.changed["line break in an option read as a blank"] += 1
    if len(blank) > len(record.options):
        exclusions.changed["blank option left out"] += 1
    if why := doubt(stated, record.image):
        exclusions.warned[why] += 1


def read_med_r1(data: bytes, name: str, exclusions: Exclusions) -> Iterator[Question]:
    """The records of a split file called `name`, in order; `family` is OmniMedVQA's dataset."""
    for position, entry in read_records(data, name, exclusions):
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


def _med_r1_question(entry: Mapping[str, Any], name: str, position: int) -> Question:
    where = (name, position)
    texts = {key: field_text(entry, key, where) for key in ("image", "problem", "solution")}
    if not all(texts.values()):
        raise BadRecord(*where, "too few fields", "a record has image, problem and solution")
    try:
        stem, stated = parse_problem(texts["problem"])
        options = tuple(map(_one_line, stated))
        letter = _SOLUTION.fullmatch(texts["solution"])
        if letter is None or LETTERS.index(letter[1]) >= len(options):
            problem = f"gold answer {texts['solution']!r} is not among the {len(options)} options"
            raise BadRecord(*where, problem, "write <answer> A </answer> with the letter of an option")
        image = readings(field_path(entry, "image", where))[0]
        dataset = source_name(image.split("/")[1], image)  # the folder below `Images`
        return Question(
            id=f"{name}:{position}",
            benchmark="omnimed_mi",
            stem=stem,
            options=options,
            answer=options[LETTERS.index(letter[1])],
            image=image,
            category="",
            cluster=image_group(dataset, image).name,
            family=dataset,
            source=f"{name}:{position}",
        )
    except BadRecord:
        raise
    except ValueError as error:
        raise BadRecord(*where, str(error), "restore the record") from error


def prepare(options: OmniMedOptions) -> Exclusions:
    """Read the records, split them and write the prepared set; returns what was left out."""
    root, exclusions = find_folder("omnimed", options.folder, options.root), Exclusions(options.skip_bad)
    inputs = Inputs({"QA_information": root / "QA_information", "Images": images_folder(root)})
    existing_folder(inputs.folders["Images"], "OmniMedVQA's images")
    generated = in_generated_world(options.root, root)
    benchmark = f"{BENCHMARK}_mini" if generated else BENCHMARK
    records = list(_readable(read_omnimed(inputs, exclusions), inputs, exclusions))
    if options.med_r1 is None:
        rule = f"grouped, test {options.test_fraction:g}, validation {options.validation_fraction:g}"
        split = _split_by_group(records, options)
    else:
        rule, split = "med-r1", _med_r1_split(records, options.med_r1, inputs, exclusions)
    drawn, varied = _vary(_draw(records, split, options, benchmark), options, generated, exclusions)
    guess = {True: "", False: " (a guess)"}
    grouped_by = {name: f"{rule.unit}{guess[rule.certain]}: {rule.reason}" for name, rule in RULES.items()}
    manifest = {
        **exclusions.as_manifest(),
        **varied,
        "benchmark": variant_name(benchmark, options.variant),
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
    prepared.write(options.out, drawn, root, manifest, inputs.sha256)
    return exclusions


def _vary(
    drawn: Mapping[str, tuple[Question, ...]], options: OmniMedOptions, generated: bool, exclusions: Exclusions
) -> tuple[Mapping[str, tuple[Question, ...]], Mapping[str, Any]]:
    """The splits of the variant asked for, and its entry in the manifest."""
    every = [question for questions in drawn.values() for question in questions]
    if options.variant == CONFOUNDED:
        if not generated:
            raise DataError("--variant confounded is for generated data: it plants a shortcut. Fix: leave it out")
        return confounded(drawn, options.seed)
    if options.variant == BALANCED:
        return balanced(drawn, options.seed, exclusions, **omnimed_rules(every))
    return drawn, {}


def _readable(records: Iterable[OmniMedRecord], inputs: Inputs, exclusions: Exclusions) -> Iterator[OmniMedRecord]:
    from tqdm import tqdm

    for record in tqdm(records, desc="microscopy records", unit="record", mininterval=1, disable=None):
        if len(record.options) != OPTIONS:
            exclusions.exclude(f"{len(record.options)} options")
            continue
        try:
            changes = inputs.image("Images", inputs.folders["Images"].parent / record.image, record.source)
        except BadRecord as bad:
            exclusions.bad(bad)
        else:
            exclusions.changed.update(changes)
            yield record


def _split_by_group(records: list[OmniMedRecord], options: OmniMedOptions) -> dict[str, str]:
    """Question id -> split."""
    sizes = Counter(record.group.name for record in records)
    source = {record.group.name: record.dataset for record in reversed(records)}  # of its first record
    groups = {name: (source[name], count) for name, count in sizes.items()}
    split = split_groups(groups, test=options.test_fraction, validation=options.validation_fraction, seed=options.seed)
    return {record.question_id: split[record.group.name] for record in records}


def _med_r1_split(records: list[OmniMedRecord], folder: Path, inputs: Inputs, exclusions: Exclusions) -> dict[str, str]:
    """Question id -> split, of the records that Med-R1's files have too."""
    inputs.folders["med_r1"] = existing_folder(folder, "Med-R1's split files (micro_train.json, micro_test.json)")
    found: dict[tuple[str, str, tuple[str, ...]], str] = {}
    for split in ("train", "test"):
        path = folder / f"micro_{split}.json"
        for record in read_med_r1(inputs.read("med_r1", path), inputs.key("med_r1", path), exclusions):
            found[record.image.casefold(), record.stem, record.options] = split
    split_of = {r.question_id: found.get((r.image.casefold(), r.question, r.options)) for r in records}
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
