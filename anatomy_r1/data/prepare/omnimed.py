"""OmniMedVQA's four-option microscopy records -> a prepared set, split by slide, patient or image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data import prepared
from anatomy_r1.data.prepare.rationales import microscopic
from anatomy_r1.data.problems import BadRecord, DataError, Problems
from anatomy_r1.data.readers import med_r1, omnimed
from anatomy_r1.data.readers.files import Inputs, existing_folder
from anatomy_r1.data.readers.omnimed import describe, group
from anatomy_r1.data.splits import SPLITS, Reservoir, split_groups
from anatomy_r1.question import Question

OPTIONS = 4  # two-option records (468 of 5,680) are left out: their chance level is another
MED_R1_FILES = {"train": "micro_train.json", "test": "micro_test.json"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to draw."""

    seed: int = 0
    benchmark: str = "omnimed_mi"
    test: float = 0.1
    """Fraction of the questions for test. Inferred: the paper states no split; 10 % is near 522 questions."""
    validation: float = 0.0
    med_r1: Path | None = None
    """Folder of Med-R1's split files; their split is used then."""
    sizes: Mapping[str, int] | None = None
    """Split -> at most so many questions, sampled; None takes all."""


def question(record: omnimed.Record, benchmark: str) -> Question:
    """A record as a question; its options keep their order.

    Raises:
        ValueError: when the record contradicts itself.
    """
    return Question(
        id=record.question_id,
        benchmark=benchmark,
        stem=record.question,
        options=record.options,
        answer=record.answer,
        image=record.image,
        category=record.question_type,
        cluster=group(record.dataset, record.image).name,
        family=record.dataset,
        source=record.source,
        rationale=microscopic(record.modality, record.question_type, record.answer).text,
    )


def prepare(root: Path, plan: Plan, problems: Problems, out: Path, notes: Mapping[str, Any]) -> None:
    """Read, split and write.

    Args:
        root: the OmniMedVQA folder, with `QA_information` and `Images`.
        plan: fractions, seed and sizes.
        problems: what to do with bad records; filled with the account of what was left out.
        out: folder to write.
        notes: further entries of the manifest.

    Raises:
        DataError: see `BadRecord`; nothing is written then.
    """
    roles = {"QA_information": root / "QA_information", "Images": root / "Images"}
    if min(plan.test, plan.validation) < 0 or plan.test + plan.validation >= 1:
        raise DataError(f"fractions {plan.test} and {plan.validation} leave nothing to train on. Fix: choose 0 to 0.5")
    inputs = Inputs(roles if plan.med_r1 is None else {**roles, "med_r1": plan.med_r1})
    existing_folder(roles["Images"], "OmniMedVQA's images")
    read = list(_readable(omnimed.records(inputs, problems), inputs, problems))
    split = _split(read, plan, inputs, problems)
    drawn = _draw(read, split, plan)
    manifest = {
        **notes,
        "benchmark": plan.benchmark,
        "seed": plan.seed,
        "split_rule": "med-r1" if plan.med_r1 else f"grouped, test {plan.test:g}, validation {plan.validation:g}",
        "grouped_by": {**describe(), "others": "image"},
        "units": dict(sorted(Counter(group(r.dataset, r.image).unit for r in read).items())),
        "rationales": {"record": len(read)},
        "excluded": {reason: n for reason, n in sorted(problems.excluded.items()) if n},
        "skipped": problems.skipped,
        "sources": {role: prepared.relative(path, out) for role, path in inputs.folders.items()},
    }
    prepared.write(out, drawn, root, manifest, inputs.sha256)


def _readable(records: Iterable[omnimed.Record], inputs: Inputs, problems: Problems) -> Iterable[omnimed.Record]:
    from tqdm import tqdm

    for record in tqdm(records, desc="microscopy records", unit="record", mininterval=1, disable=None):
        if len(record.options) != OPTIONS:
            problems.exclude(f"{len(record.options)} options")
            continue
        try:
            inputs.image("Images", inputs.folders["Images"].parent / record.image, record.source)
        except BadRecord as bad:
            problems.bad(bad)
        else:
            yield record


def _split(read: list[omnimed.Record], plan: Plan, inputs: Inputs, problems: Problems) -> dict[str, str]:
    """Question id -> split."""
    if plan.med_r1 is not None:
        return _med_r1_split(read, plan.med_r1, inputs, problems)
    sizes = Counter((record.dataset, group(record.dataset, record.image).name) for record in read)
    groups = {name: (dataset, count) for (dataset, name), count in sizes.items()}
    split = split_groups(groups, test=plan.test, validation=plan.validation, seed=plan.seed)
    return {record.question_id: split[group(record.dataset, record.image).name] for record in read}


def _med_r1_split(read: list[omnimed.Record], folder: Path, inputs: Inputs, problems: Problems) -> dict[str, str]:
    found: dict[tuple[str, str, tuple[str, ...]], str] = {}
    for split, name in MED_R1_FILES.items():
        path = existing_folder(folder, "Med-R1's split files (micro_train.json, micro_test.json)") / name
        for record in med_r1.records(inputs.read("med_r1", path), inputs.key("med_r1", path), problems):
            found[record.image, record.stem, record.options] = split
    split_of = {r.question_id: found.get((r.image, r.question, r.options)) for r in read}
    problems.excluded["in neither of Med-R1's files"] += sum(split is None for split in split_of.values())
    return {name: split for name, split in split_of.items() if split is not None}


def _draw(read: list[omnimed.Record], split: Mapping[str, str], plan: Plan) -> dict[str, tuple[Question, ...]]:
    sizes = plan.sizes or {}
    pools = {name: Reservoir(sizes.get(name, len(read)), plan.seed) for name in SPLITS}
    for record in read:
        if record.question_id in split:
            try:
                pools[split[record.question_id]].add(question(record, plan.benchmark))
            except ValueError as error:
                raise DataError(f"{record.source}: {error}. Fix: correct the record") from error
    return {name: questions for name, pool in pools.items() if (questions := pool.draw(lambda _: True))}
