"""A generated twin of the authors' three training files, confounded as they are, in their JSON format.

Counted on the release (three files of 1,000 records): each file asks other questions; 43 to 53 frames are shared by two
files; every file has its own wording of the prompt and, in one case, its own key; 365 stems of the GDQA file begin with
"There is", none of the others; its families of templates are mixed differently; distractors are uniform, also in the
ASC file, and no file is ordered by difficulty. The twin has all of this in proportion to its size. The mini world has
no questions with two relations: their share goes to those with one.

Example:
    >>> files = twin(Path("runs/mini/world"), size=300)              # doctest: +SKIP
    >>> sorted(files), len(files["GRPO"])                            # doctest: +SKIP
    (['GRPO', 'GRPO-ASC-Learning', 'GRPO-GDQA'], 300)
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from anatomy_r1.data.augmentation.rewrites import wordings
from anatomy_r1.data.prepare.sgg import Builder, Plan, Sources
from anatomy_r1.data.problems import DataError, Problems
from anatomy_r1.data.readers.files import Inputs, read_json
from anatomy_r1.data.readers.ssg_vqa import frames
from anatomy_r1.data.splits import priority, rule_file
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.prompts import render
from anatomy_r1.question import Question

SHARED = 0.048
"""Share of a file's records whose frame another file has too: 43 to 53 of 1,000 in the release."""
FRAMES = 0.98
"""Frames a record: 978, 977 and 984 of 1,000 in the release. Less where the world has too few frames."""


@dataclass(frozen=True, slots=True)
class File:
    """What tells one released file from the others; shares are counted on the release."""

    wording: str
    """Key of `anatomy_r1.prompts.WORDINGS`."""
    direct_key: str
    """Key of the prompt that asks for the answer alone."""
    before_path: str
    """What stands before the slash of an image path."""
    families: Mapping[str, float]
    """Family of stems -> share of records; those with two relations count as `one_hop`."""
    there: Mapping[str, float]
    """Family -> share of its stems that begin with "There is"."""


FILES: dict[str, File] = {
    "GRPO": File("answer", "sft_prompt", " ", {"one_hop": 0.413, "zero_hop": 0.112, "location": 0.475}, {}),
    "GRPO-GDQA": File(
        "choice",
        "sft_instruction",
        "",
        families={"one_hop": 0.553, "zero_hop": 0.164, "location": 0.283},
        there={"one_hop": 289 / 553, "zero_hop": 76 / 164},
    ),
    "GRPO-ASC-Learning": File("mixed", "sft_prompt", "", {"one_hop": 0.423, "zero_hop": 0.114, "location": 0.463}, {}),
}
"""The three files, by name."""


def twin(root: Path, size: int, seed: int = 0) -> dict[str, list[dict[str, str]]]:
    """File name without suffix -> its records, in the authors' keys.

    Args:
        root: a mini world; the files use its training videos.
        size: records a file.
        seed: of the draw.

    Raises:
        DataError: when the world has too few questions for files of that size.
    """
    pools = {name: _questions(root, f"{seed}/{name}") for name in FILES}
    images = sorted({question.image for question in pools["GRPO"]}, key=lambda image: priority(seed, image))
    shares = share_out(images, size)
    return {
        name: [_record(q, file) for q in _worded(_draw(pools[name], shares[name], file, size, name), file)]
        for name, file in FILES.items()
    }


def share_out(images: Sequence[str], size: int) -> dict[str, list[str]]:
    """Frames of each file: some for every pair of files, the others its own; together never more than there are."""
    shared = round(SHARED * size)
    own = min(round(FRAMES * size), (len(images) + 3 * shared) // 3) - 2 * shared
    rest = iter(images)
    shares: dict[str, list[str]] = {name: [] for name in FILES}
    for pair in combinations(FILES, 2):
        common = [image for _, image in zip(range(shared), rest, strict=False)]
        for name in pair:
            shares[name] += common
    for chosen in shares.values():
        chosen += [image for _, image in zip(range(own), rest, strict=False)]
    return shares


def _questions(root: Path, seed: str) -> list[Question]:
    """Every question of the training videos; distractors uniform, by a seed of the file's own."""
    sources, splits = Sources.below(root), root / "SSG-VQA" / "splits.json"
    rule = rule_file(read_json(splits.read_bytes(), splits.name), splits.name)
    inputs = Inputs({"qa_txt": sources.qa_txt, "frames": sources.frames, "scene_graph": sources.scene_graph})
    problems = Problems()
    number = priority(0, seed) % 2**31
    builder = Builder(inputs, problems, Plan(rule, {}, number, "sgg_anatomy_mini"))
    train = [frame for frame in frames(inputs, problems) if rule.of(frame.video) == "train"]
    return sorted(builder.questions(train), key=lambda question: priority(number, question.id))


def _draw(pool: Iterable[Question], images: Sequence[str], file: File, size: int, name: str) -> list[Question]:
    """`size` questions that show every one of the frames, families in the file's shares as far as the frames allow."""
    there, free = set(images), set(images)
    candidates = [question for question in pool if question.image in there]
    left = {family: round(share * size) for family, share in file.families.items()}
    left["location"] += size - sum(left.values())
    chosen: dict[str, Question] = {}

    for fresh_frame, by_quota in ((True, True), (True, False), (False, True), (False, False)):
        for question in sorted(candidates, key=lambda q: list(left).index(q.family)):  # the scarce family first
            room = len(chosen) < size and (not by_quota or left[question.family] > 0)
            if room and (question.image in free or not fresh_frame) and question.id not in chosen:
                chosen[question.id] = question
                left[question.family] -= 1
                free.discard(question.image)
    if len(chosen) < size:
        raise DataError(f"twin of {name}: {size} records asked for, {len(chosen)} questions there. Fix: ask for fewer")
    order = list(chosen.values())
    random.Random(f"twin/{name}").shuffle(order)
    return order


def _worded(questions: Sequence[Question], file: File) -> Iterator[Question]:
    """The file's share of each family in the words "There is ..."."""
    seen: dict[str, int] = defaultdict(int)
    for question in questions:
        share, before = file.there.get(question.family, 0.0), seen[question.family]
        seen[question.family] += 1
        now = round(share * (before + 1)) > round(share * before)  # evenly over the file
        yield replace(question, stem=_there(question.stem)) if now else question


def _there(stem: str) -> str:
    """SSG-VQA's own "There is" form of a stem."""
    asked = parse_stem(stem)
    for form in wordings(stem):
        found = parse_stem(form)
        if found.form == "there" and found.family == asked.family:
            return form
    return stem


def _record(question: Question, file: File) -> dict[str, Any]:
    return {
        "instruction": render(question, "think", file.wording),
        file.direct_key: "<image>" + render(question, "direct", file.wording),
        "solution": question.letter,
        "answer": question.answer,
        "images": f"{file.before_path}/CholecT45/data/{question.image}",
    }
