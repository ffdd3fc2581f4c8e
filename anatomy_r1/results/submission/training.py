"""The leakage passport of a submission: of the training data that it names, or of none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anatomy_r1.data.leakage.of_files import NO_PICTURES, questions
from anatomy_r1.data.leakage.passport import Passport, passport, unknown_training
from anatomy_r1.data.leakage.pictures import hash_pictures
from anatomy_r1.data.leakage.sides import leakage
from anatomy_r1.data.locate import find_set
from anatomy_r1.data.prepared import MANIFEST, PreparedSet, load
from anatomy_r1.errors import AnatomyR1Error

UNKNOWN = "it is not known what it was trained on"


def passport_of(benchmark: str, data: Path, train_data: Sequence[Path]) -> Passport:
    """What the named training data and the test questions share.

    Args:
        benchmark: whose test questions.
        data: prepared set that was asked, or its parent.
        train_data: one prepared set, whose training questions count, or files that `anatomy-r1 data leakage` reads.

    Raises:
        AnatomyR1Error, DataError: when they cannot be read.
    """
    asked = find_set(benchmark, data, "test")
    if not train_data:
        return unknown_training(asked.questions, UNKNOWN)
    folders = [path for path in train_data if path.is_dir()]
    if not folders:
        names = (" + ".join(path.name for path in train_data), "test")
        return passport(questions(train_data), asked.questions, names=names, no_hashes=NO_PICTURES)
    if len(train_data) > 1 or not (folders[0] / MANIFEST).is_file():
        raise AnatomyR1Error(
            f"{folders[0]}: --train-data takes one prepared set, or files. Cure: name one or the other"
        )
    return _of_set(load(folders[0], "train"), asked)


def _of_set(learnt: PreparedSet, asked: PreparedSet) -> Passport:
    if learnt.root.resolve() == asked.root.resolve():
        return leakage(asked.root)
    sides = [hash_pictures(one.image_root, (q.image for q in one.questions)) for one in (learnt, asked)]
    names = (f"{learnt.root.name} train", "test")
    return passport(learnt.questions, asked.questions, hashes=(sides[0], sides[1]), names=names)
