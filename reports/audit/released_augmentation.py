"""Does the released GDQA file hold what the method adds: changed images, and several wordings of one question?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from anatomy_r1.question import Question
from reports.audit.finding import Check, Finding
from reports.audit.released import GDQA, Meaning, Released, meaning, named
from reports.formats.page import Grid

_FRAME = re.compile(r"VID\d{2}/\d{6}\.png")
_TITLE = "Released files: are the augmented images and questions there?"


def changed_images(questions: Iterable[Question]) -> int:
    """Records whose image is not a frame as the data set names it."""
    return sum(not _FRAME.fullmatch(question.image) for question in questions)


def reworded(questions: Iterable[Question]) -> int:
    """Questions that stand in several wordings."""
    wordings: dict[Meaning, set[str]] = defaultdict(set)
    for question in questions:
        wordings[meaning(question)].add(question.stem)
    return sum(len(found) > 1 for found in wordings.values())


def check(files: Sequence[Released]) -> Check:
    """Of the GDQA file."""
    file = named(files, GDQA)
    if file is None:
        return Check("released-augmentation", _TITLE, "the GDQA file", skipped=f"{GDQA} is not among the files")
    images, wordings = changed_images(file.questions), reworded(file.questions)
    lacking = [
        what for what, count in (("changed images", images), ("questions in several wordings", wordings)) if not count
    ]
    finding = Finding(
        id="released-augmentation.absent",
        title=f"The GDQA file holds no {' and no '.join(lacking)}",
        test="Image paths that are not plain frames; questions of one image and meaning in several wordings.",
        figure=f"{images} changed images and {wordings} questions in several wordings among {len(file.records):,} "
        "records.",
        strength="counted",
        limits="That training did without: both can be made while it runs. A change under the frame's own name does "
        "not show in a path, and no images were released.",
        question="Which code makes the rewritten questions and changed images, and with which settings?",
    )
    rows = ((file.name, str(images), str(wordings)),)
    return Check(
        id="released-augmentation",
        title=_TITLE,
        looked_at=f"{len(file.records):,} records of {file.name}",
        findings=(finding,) if lacking else (),
        grids=(Grid("Augmentation", ("file", "changed images", "questions in several wordings"), rows),),
    )
