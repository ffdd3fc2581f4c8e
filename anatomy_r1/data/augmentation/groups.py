"""What the members of a group are shown: each its own pair of wording and image (GDQA).

Member 0 is shown the original question: our choice, the paper does not say. The others get other wordings (phi) and
noised images (psi). The two draw from random streams of their own, so from the same seed `-Text` shows GDQA's images
and `-Image` shows GDQA's wordings: each ablation differs in exactly one thing.

Example:
    >>> from anatomy_r1.question import Question
    >>> q = Question(id="VID01/262/3", benchmark="sgg_anatomy", stem="What is the red anatomy?",
    ...              options=("Liver", "Gut"), answer="Gut", image="a.png", category="Gut", cluster="VID01")
    >>> shown = pairs(q, Image.new("RGB", (8, 8)), 4, random.Random(0))
    >>> shown[0].stem, len({pair.stem for pair in shown})
    ('What is the red anatomy?', 4)
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from anatomy_r1.data.augmentation.image_changes import noisy
from anatomy_r1.data.augmentation.rewrites import rewrites
from anatomy_r1.question import Question

_DRAWS = 20
"""How often an image is drawn again that another member has: only images of a few pixels need it."""


class RepeatedPairs(UserWarning):
    """A group has more members than distinct pairs."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What one member of a group is shown; options and answer are the question's own."""

    stem: str
    image: Image.Image


def pairs(
    question: Question,
    image: Image.Image,
    members: int,
    rng: random.Random,
    *,
    text: bool = True,
    image_noise: bool = True,
    forms: Sequence[str] | None = None,
    change: Callable[[Image.Image, random.Random], Image.Image] = noisy,
) -> tuple[Pair, ...]:
    """One pair a member, member 0 the original.

    With `image_noise` no two members share a pair. Without it the wordings are all there is: no wording comes twice
    before each has come once, and then they come round again, the original first; that is told by a `RepeatedPairs`
    warning. With neither, every member is shown the original, which is plain GRPO, and nothing is warned of.

    Args:
        question: the question as the benchmark has it.
        image: its image; not modified.
        members: size of the group.
        rng: state to draw from; it advances by the same amount whatever `text` and `image_noise` are.
        text: give members wordings of their own; False is the paper's "-Text".
        image_noise: give members images of their own; False is the paper's "-Image".
        forms: other wordings of the stem, such as a `RewriteFile`'s or those that a tokenizer knows; ours by default.
        change: psi.

    Raises:
        ValueError: when `change` cannot give every member an image of its own.
    """
    words, pixels = random.Random(rng.getrandbits(64)), random.Random(rng.getrandbits(64))
    stems = _stems(question, members, words, forms) if text else (question.stem,) * members
    images = _images(image, members, pixels, change) if image_noise else (image,) * members
    if text and not image_noise and len(set(stems)) < members:
        warnings.warn(_too_few(question, len(set(stems)), members), RepeatedPairs, stacklevel=2)
    return tuple(Pair(stem, shown) for stem, shown in zip(stems, images, strict=True))


def _stems(question: Question, members: int, rng: random.Random, forms: Sequence[str] | None) -> tuple[str, ...]:
    others = [form for form in (rewrites(question) if forms is None else forms) if form != question.stem]
    others = list(dict.fromkeys(others))
    rng.shuffle(others)
    cycle = [question.stem, *others]
    return tuple(cycle[member % len(cycle)] for member in range(members))


def _images(
    image: Image.Image, members: int, rng: random.Random, change: Callable[[Image.Image, random.Random], Image.Image]
) -> tuple[Image.Image, ...]:
    images, seen = [image], {image.tobytes()}
    for _ in range(1, members):
        images.append(_unseen(image, seen, rng, change))
        seen.add(images[-1].tobytes())
    return tuple(images[:members])


def _unseen(
    image: Image.Image,
    seen: set[bytes],
    rng: random.Random,
    change: Callable[[Image.Image, random.Random], Image.Image],
) -> Image.Image:
    for _ in range(_DRAWS):
        drawn = change(image, rng)
        if drawn.tobytes() not in seen:
            return drawn
    raise ValueError(
        f"no image of its own for a member: {_DRAWS} draws gave pictures that others have. Cure: raise the strength, "
        f"or use a larger image than {image.width}x{image.height}"
    )


def _too_few(question: Question, forms: int, members: int) -> str:
    return (
        f"{forms} wordings for {members} members and no change of the image, so some members share a pair: "
        f"{question.stem!r} ({question.benchmark})"
    )
