"""What `anatomy-r1 data leakage` compares: two splits of a prepared set, or files in the place of one or both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anatomy_r1.data.leakage.of_files import NO_PICTURES, VIDEOS, questions
from anatomy_r1.data.leakage.passport import Passport, passport, passport_of_videos
from anatomy_r1.data.leakage.sides import leakage
from anatomy_r1.data.prepared import load
from anatomy_r1.data.problems import DataError
from anatomy_r1.question import Question

Named = tuple[str, Sequence[Question]]


def compare(
    data: Path | None, train_files: Sequence[Path], test_files: Sequence[Path], test_videos: str | None
) -> Passport:
    """The passport asked for; a side for which no file is named is that split of the prepared set `data`.

    Raises:
        DataError: when a side is not named or named twice, or cannot be read.
    """
    if test_files and test_videos:
        raise DataError("the test side is named twice. Cure: give --test-file or --test-videos, not both")
    if data and not (train_files or test_files or test_videos):
        return leakage(data)
    train = _side("train", data, train_files)
    if test_videos:
        title, videos = VIDEOS[test_videos]
        return passport_of_videos(train[1], videos, (train[0], title))
    test = _side("test", data, test_files)
    return passport(train[1], test[1], names=(train[0], test[0]), no_hashes=NO_PICTURES)


def _side(split: str, data: Path | None, files: Sequence[Path]) -> Named:
    if files:
        return " + ".join(path.name for path in files), questions(files)
    if data is None:
        raise DataError(f"nothing to take the {split} side from. Cure: name --{split}-file or --data")
    return f"{data.name} {split}", load(data, split).questions
