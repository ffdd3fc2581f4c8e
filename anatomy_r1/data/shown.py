"""How questions are shown: images, opened only when a model needs them, wrong images, and options in rotation.

Rotation s of a question shows option s first: the option at letter j + s (modulo their number) moves to letter j. Over
all rotations every option is at every letter once, so that a remaining preference is a preference for the letter.
Cyclic orders are those of CircularEval (MMBench, arXiv:2307.06281); all orders of four options would cost six times as
much.

Example:
    >>> q = Question(id="1", benchmark="b", stem="What is this ?", options=("Gut", "Liver"), answer="Gut",
    ...              image="1.png", category="Gut", cluster="VID01")
    >>> [(one.id, one.options, one.letter) for one in rotations(q)]
    [('1#rotated0', ('Gut', 'Liver'), 'A'), ('1#rotated1', ('Liver', 'Gut'), 'B')]
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from anatomy_r1.data.images import open_rgb
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import Question

Images = Literal["real", "swapped", "none"]
Options = Literal["given", "rotated"]
"""How options are shown: in the order of the prepared set, or in every cyclic order, one prompt per order."""
MARK = "#rotated"
"""Separates a question's id from the number of its rotation."""
FIX = "Fix: run `anatomy-r1 data check` on the prepared set"


class LazyImages(list[str]):
    """Paths that read as RGB images: each access opens the file, so thousands of questions keep none open."""

    def __iter__(self) -> Iterator[Any]:
        return (open_image(path) for path in self.paths)

    def __getitem__(self, index: Any) -> Any:
        picked = super().__getitem__(index)
        return [open_image(path) for path in picked] if isinstance(index, slice) else open_image(picked)

    @property
    def paths(self) -> list[str]:
        """The paths themselves."""
        return list(super().__iter__())


def check_pictures(paths: Iterable[str]) -> None:
    """Check that images exist, without reading them: for 100,000, that would take longer than loading a model."""
    if missing := sorted(path for path in paths if not Path(path).is_file()):
        raise AnatomyR1Error(f"{missing[0]}: no such picture ({len(missing)} in all). {FIX}")


def open_image(path: str) -> Any:
    """The image at `path` as a model is shown it (`anatomy_r1.data.images`); AnatomyR1Error if it cannot be read."""
    return open_rgb(Path(path))


def unreadable(path: str, error: Exception) -> AnatomyR1Error:
    """The error for an image that cannot be read."""
    return AnatomyR1Error(f"{path}: the picture cannot be read ({error}). {FIX}")


def image_hash(path: str) -> str:
    """`bytes_hash` of a file."""
    return bytes_hash(image_bytes(path))


def image_bytes(path: str) -> bytes:
    """Content of a file; AnatomyR1Error if it is missing."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def bytes_hash(content: bytes) -> str:
    """Identity of an image: the first 32 hex digits of the SHA-256 of its file."""
    return hashlib.sha256(content).hexdigest()[:32]


def swapped(questions: Sequence[Question], seed: int) -> list[str]:
    """For each question the image of a question of another cluster: a permutation, so each image is used as often.

    Questions are ordered cluster by cluster, in random order, and all images shift by the size of the largest cluster.
    AnatomyR1Error if one cluster has more than half of the questions: then there is no such permutation.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        members[question.cluster].append(index)
    step = max(map(len, members.values()), default=0)
    if 2 * step > len(questions):
        name = max(members, key=lambda cluster: len(members[cluster]))
        raise AnatomyR1Error(
            f"cluster {name} holds {step} of {len(questions)} questions, so pictures cannot all come from another one. "
            "Fix: use a set with more clusters"
        )
    rng, clusters = random.Random(seed), sorted(members)
    rng.shuffle(clusters)
    order = [index for cluster in clusters for index in rng.sample(members[cluster], len(members[cluster]))]
    shown = [""] * len(questions)
    for place, index in enumerate(order):
        shown[index] = questions[order[(place + step) % len(order)]].image
    return shown


def rotations(question: Question) -> tuple[Question, ...]:
    """One question per cyclic order, as many as it has options, each with its own id; the first has the given order."""
    shown = question.options
    return tuple(
        replace(question, id=f"{question.id}{MARK}{shift}", options=shown[shift:] + shown[:shift])
        for shift in range(len(shown))
    )


def prompted(questions: Sequence[Question], options: str) -> list[Question]:
    """The questions to ask: as `given`, or all their rotations (`rotated`), those of one question together."""
    if options not in ("given", "rotated"):
        raise AnatomyR1Error(f"options {options!r}: neither given nor rotated")
    return list(questions) if options == "given" else [one for q in questions for one in rotations(q)]


def original(id: str) -> tuple[str, int]:  # noqa: A002
    """Id of the question before rotation, and its shift; an id without a rotation is returned with shift 0."""
    name, mark, shift = id.rpartition(MARK)
    return (name, int(shift)) if mark and shift.isdigit() else (id, 0)
