"""A generated twin of the authors' three training files, with the same confounds, in their JSON format.

Counted on the release (three files of 1,000 records): each file has different questions; 43 to 53 frames are shared by
two files; each file has its own wording of the prompt and, in one case, its own key; 365 stems of the GDQA file begin
with "There is", none of the other files; its mix of template families differs; distractors are uniform, also in the ASC
file, and no file is ordered by difficulty. The twin has all of this in proportion to its size. The mini world has no
questions with two relations: their share goes to those with one.

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

from anatomy_r1.data.augmentation.groups import rewrites
from anatomy_r1.data.inputs import DataError, Exclusions, Inputs, read_json
from anatomy_r1.data.prepare.options import SggOptions
from anatomy_r1.data.prepare.sgg import QuestionBuilder
from anatomy_r1.data.prepare.ssg_vqa import question_files
from anatomy_r1.data.splits import priority, rule_file
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.prompts import render
from anatomy_r1.question import Question

SHARED = 0.048
"""Share of a file's records whose frame is in another file too: 43 to 53 of 1,000 in the release."""
FRAMES = 0.98
"""Frames per record: 978, 977 and 984 of 1,000 in the release. Less if the world has too few frames."""


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """How one released file differs from the others; shares are counted on the release."""

    wording: str
    """Key of `anatomy_r1.prompts.WORDINGS`."""
    direct_key: str
    """Key of the prompt that asks for the answer alone."""
    before_path: str
    """Text before the slash of an image path."""
    families: Mapping[str, float]
    """Template family -> share of records; two relations count as `one_hop`."""
    there: Mapping[str, float]
    """Template family -> share of its stems that begin with "There is"."""


FILES: dict[str, ReleasedFile] = {
    "GRPO": ReleasedFile("answer", "sft_prompt", " ", {"one_hop": 0.413, "zero_hop": 0.112, "location": 0.475}, {}),
    "GRPO-GDQA": ReleasedFile(
        "choice",
        "sft_instruction",
        "",
        families={"one_hop": 0.553, "zero_hop": 0.164, "location": 0.283},
        there={"one_hop": 289 / 553, "zero_hop": 76 / 164},
    ),
    "GRPO-ASC-Learning": ReleasedFile(
        "mixed", "sft_prompt", "", {"one_hop": 0.423, "zero_hop": 0.114, "location": 0.463}, {}
    ),
}
"""The three files, by name."""


def twin(root: Path, size: int, seed: int = 0) -> dict[str, list[dict[str, str]]]:
    """The three files: name without suffix -> records, with the authors' keys.

    Args:
        root: a mini world, whose training videos are used.
        size: records per file.
        seed: seed of the draw.

    Raises:
        DataError: when the world has too few questions for files of that size.
    """
    pools = {name: _questions(root, f"{seed}/{name}") for name in FILES}
    images = sorted({question.image for question in pools["GRPO"]}, key=lambda image: priority(seed, image))
    shares = share_out(images, size)
    return {
        name: [_record(q, file) for q in _reword(_draw(pools[name], shares[name], file, size, name), file)]
        for name, file in FILES.items()
    }


def share_out(images: Sequence[str], size: int) -> dict[str, list[str]]:
    """Frames of each file: some shared by each pair of files, the others its own; never more than there are."""
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
    """All questions of the training videos, with uniform distractors drawn by the file's own seed."""
    options = SggOptions(root=root, out=root)  # for the paths; nothing is written
    rule = rule_file(read_json(options.split_file.read_bytes(), "splits.json"), "splits.json")
    inputs, exclusions = Inputs(options.folders), Exclusions()
    number = priority(0, seed) % 2**31
    builder = QuestionBuilder(inputs, exclusions, rule, "sgg_anatomy_mini", number)
    train = [file for file in question_files(inputs, exclusions) if rule.of(file.video) == "train"]
    return sorted(builder.questions(train), key=lambda question: priority(number, question.id))


def _draw(pool: Iterable[Question], images: Sequence[str], file: ReleasedFile, size: int, name: str) -> list[Question]:
    """`size` questions that cover all the frames, with the file's shares of families as far as the frames allow."""
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
        raise DataError(
            f"twin of {name}: {size} records asked for, {len(chosen)} questions available. Fix: ask for fewer"
        )
    order = list(chosen.values())
    random.Random(f"twin/{name}").shuffle(order)
    return order


def _reword(questions: Sequence[Question], file: ReleasedFile) -> Iterator[Question]:
    """The questions, with the file's share of each family reworded to begin with "There is"."""
    seen: dict[str, int] = defaultdict(int)
    for question in questions:
        share, before = file.there.get(question.family, 0.0), seen[question.family]
        seen[question.family] += 1
        now = round(share * (before + 1)) > round(share * before)  # evenly spread over the file
        yield replace(question, stem=_there(question.stem)) if now else question


def _there(stem: str) -> str:
    """SSG-VQA's own "There is" form of a stem."""
    family = parse_stem(stem).family
    parsed = ((form, parse_stem(form)) for form in rewrites(stem))
    return next((form for form, found in parsed if found.form == "there" and found.family == family), stem)


def _record(question: Question, file: ReleasedFile) -> dict[str, Any]:
    return {
        "instruction": render(question, "think", file.wording),
        file.direct_key: "<image>" + render(question, "direct", file.wording),
        "solution": question.letter,
        "answer": question.answer,
        "images": f"{file.before_path}/CholecT45/data/{question.image}",
    }
