"""OmniMedVQA's four-option microscopy records -> a prepared set, split by patient, slide or image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import BadRecord, DataError, Exclusions, Inputs, existing_folder, in_generated_world
from anatomy_r1.data.prepare.options import OmniMedOptions
from anatomy_r1.data.readers.omnimed import MODALITY, OmniMedRecord, grouping, read_med_r1, read_omnimed
from anatomy_r1.data.splits import SPLITS, Reservoir, split_groups
from anatomy_r1.question import Question

BENCHMARK = "omnimed_mi"
OPTIONS = 4  # two-option records (468 of 5,680) are left out: their chance level differs


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
    manifest = {
        **exclusions.as_manifest(),
        "benchmark": benchmark,
        "generated": generated,
        "seed": options.seed,
        "split_rule": rule,
        "split_inferred": options.med_r1 is None,
        "sizes_inferred": not generated,
        "grouped_by": {**grouping(), "others": "image"},
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
    """A record as a question; its options keep their order."""
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
