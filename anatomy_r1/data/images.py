"""Images by path: opened only when a model needs them, identified by the hash of their file; and wrong images."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import Question

Images = Literal["real", "swapped", "none"]
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
        """The paths."""
        return list(super().__iter__())


def check_pictures(paths: Iterable[str]) -> None:
    """Check that images exist, without reading them: for 100,000, that would take longer than loading a model.

    Raises:
        AnatomyR1Error: when one is missing.
    """
    if missing := sorted(path for path in paths if not Path(path).is_file()):
        raise AnatomyR1Error(f"{missing[0]}: no such picture ({len(missing)} in all). {FIX}")


def open_image(path: str) -> Any:
    """The image at `path` in RGB, read completely.

    Raises:
        AnatomyR1Error: when it is missing or unreadable.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: str, error: Exception) -> AnatomyR1Error:
    """The error for an image that cannot be read."""
    return AnatomyR1Error(f"{path}: the picture cannot be read ({error}). {FIX}")


def image_hash(path: str) -> str:
    """`bytes_hash` of a file.

    Raises:
        AnatomyR1Error: when it is missing.
    """
    return bytes_hash(image_bytes(path))


def image_bytes(path: str) -> bytes:
    """Content of a file.

    Raises:
        AnatomyR1Error: when it is missing.
    """
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

    Raises:
        AnatomyR1Error: when one cluster has more than half of the questions, so that no such permutation exists.
    """
    sizes = Counter(question.cluster for question in questions)
    step = max(sizes.values(), default=0)
    if 2 * step > len(questions):
        name = sizes.most_common(1)[0][0]
        raise AnatomyR1Error(
            f"cluster {name} holds {step} of {len(questions)} questions, so pictures cannot all come from another one. "
            "Fix: use a set with more clusters"
        )
    order = _by_cluster(questions, random.Random(seed))
    shown = [""] * len(questions)
    for place, index in enumerate(order):
        shown[index] = questions[order[(place + step) % len(order)]].image
    return shown


def _by_cluster(questions: Sequence[Question], rng: random.Random) -> list[int]:
    members: dict[str, list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        members[question.cluster].append(index)
    clusters = sorted(members)
    rng.shuffle(clusters)
    return [index for cluster in clusters for index in rng.sample(members[cluster], len(members[cluster]))]
