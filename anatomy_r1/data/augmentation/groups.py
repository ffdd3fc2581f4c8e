"""What the members of a group are shown in GDQA: each its own pair of stem (phi) and image (psi).

Phi rewrites a question; each rewrite is read back to the same meaning before it is accepted.

Member 0 is shown the original question: our choice, the paper does not say. The others get rewrites and noised images.
The two draw from separate random streams, so that with the same seed `-Text` shows GDQA's images and `-Image` shows
GDQA's rewrites: each ablation differs in exactly one thing.

Psi changes an image but neither the question nor its answer. It is noise injection, all that the paper names (section
Group Diversity Question Augmentation). A flip, rotation or crop would falsify "left" and "top-mid", a change of hue the
colour words.

Example:
    >>> from anatomy_r1.question import Question
    >>> q = Question(id="VID01/262/3", benchmark="sgg_anatomy", stem="What is the red anatomy?",
    ...              options=("Liver", "Gut"), answer="Gut", image="a.png", category="Gut", cluster="VID01")
    >>> shown = augment_group(q, Image.new("RGB", (8, 8)), 4, random.Random(0))
    >>> shown[0].stem, len({prompt.stem for prompt in shown}), shown[3].image.size
    ('What is the red anatomy?', 4, (8, 8))
    >>> "What is the bottom-mid anatomy?" in rewrites("What anatomy is at the bottom-mid of the frame ?")
    True
    >>> meaning("What anatomy is at the bottom-mid of the frame ?") == meaning(
    ...     "Can you identify the anatomy present in the central lower portion of the picture?"
    ... )
    True
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle, islice

import numpy as np
from PIL import Image

from anatomy_r1.data.augmentation.free_text_questions import read_free_text, reword_free_text
from anatomy_r1.data.augmentation.scene_questions import Meaning, difference, read_scene_question, write_scene_question
from anatomy_r1.question import Question

NOISE = 0.05
"""Default standard deviation of the noise, as a share of the full range. Our choice: the paper states none."""
MOST_NOISE = 0.2
"""Largest standard deviation (our choice): a person can still read every image."""
_COLOUR_BANDS = {"L": 1, "RGB": 3, "RGBA": 3}
"""Supported modes -> number of leading bands that may change; transparency must not."""
Change = Callable[[Image.Image, random.Random], Image.Image]
_DRAWS = 20
"""Attempts to draw an image that no other member has; only images of a few pixels need more than one."""
MOST_CHARACTERS = 400
"""Longest rewrite accepted (our choice). The longest stem of both benchmarks has 163, the longest rewrite 190."""
_PLAIN = re.compile(r"[A-Za-z0-9 _\-',.;:?!()/&+%]+")
"""Characters of a question. No line break, bracket or pipe: a rewrite cannot add an option or a special token."""


@lru_cache(maxsize=16384)
def rewrites(stem: str) -> tuple[str, ...]:
    """The accepted rewrites of a stem, in a fixed order; the stem is not among them.

    Every question of both benchmarks has at least three (our choice, tested).
    """
    return tuple(form for form in candidates(stem) if not reason_against(stem, form))


def candidates(stem: str) -> tuple[str, ...]:
    """Rewrites of a stem before the check."""
    asked = meaning(stem)
    forms = write_scene_question(asked) if asked.target else reword_free_text(stem)
    return tuple(form for form in forms if form != stem)


def reason_against(stem: str, form: str) -> str:
    """Why a rewrite is not the same question as a stem; empty if it is."""
    if not _PLAIN.fullmatch(form):
        return "it is empty or has a character that no question has"
    if len(form) > MOST_CHARACTERS:
        return f"it is longer than {MOST_CHARACTERS} characters"
    return difference(meaning(stem), meaning(form))


@lru_cache(maxsize=4096)
def meaning(stem: str) -> Meaning:
    """What a stem asks: read by SSG-VQA's grammar if it fits, else as free text."""
    return read_scene_question(stem) or read_free_text(stem)


def noisy(image: Image.Image, rng: random.Random, strength: float = NOISE) -> Image.Image:
    """Psi: a copy of an image (L, RGB or RGBA) with Gaussian noise, independent for each value; mode and size stay.

    `strength` is the standard deviation, as a share of the full range; at most `MOST_NOISE`.
    """
    if not 0 <= strength <= MOST_NOISE:
        raise ValueError(f"noise {strength} is outside 0 to {MOST_NOISE}; choose a strength in this range")
    if image.mode not in _COLOUR_BANDS:
        raise ValueError(f"images of mode {image.mode} are not supported; convert the image to RGB first")
    for _ in range(3):  # unused draws, kept so that a seed gives the images of earlier results
        rng.random()
    noise = np.random.default_rng(rng.getrandbits(64))
    values = np.array(image, dtype=np.float32)
    bands = values[..., : _COLOUR_BANDS[image.mode]] if values.ndim == 3 else values
    bands += noise.standard_normal(bands.shape, dtype=np.float32) * (strength * 255)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8), image.mode)


class RepeatedPrompts(UserWarning):
    """A group has more members than distinct pairs of stem and image."""


@dataclass(frozen=True, slots=True)
class AugmentedPrompt:
    """What one member of a group is shown; options and answer are the question's own."""

    stem: str
    image: Image.Image


def augment_group(
    question: Question,
    image: Image.Image,
    members: int,
    rng: random.Random,
    *,
    text: bool = True,
    image_noise: bool = True,
    forms: Sequence[str] | None = None,
    change: Change = noisy,
) -> tuple[AugmentedPrompt, ...]:
    """One prompt per member, member 0 the original. The paper's "-Text" is `text=False`, "-Image" `image_noise=False`.

    With `image_noise`, no two members share a pair of stem and image. Without it there are only the rewrites: they are
    all used before they repeat, the original first, and a repetition raises a `RepeatedPrompts` warning. With neither,
    every member is shown the original, which is plain GRPO, without a warning.

    `rng` advances by the same amount whatever `text` and `image_noise` are. `forms` are rewrites of the stem, such as
    those that a tokenizer knows (default: `rewrites`). `change` is psi; ValueError if some member gets no own image.
    """
    words, pixels = random.Random(rng.getrandbits(64)), random.Random(rng.getrandbits(64))
    stems = _stems(question, members, words, forms) if text else (question.stem,) * members
    images = _images(image, members, pixels, change) if image_noise else (image,) * members
    if text and not image_noise and len(set(stems)) < members:
        message = (
            f"{len(set(stems))} wordings for {members} members and no change of the image, so some members share a "
            f"pair: {question.stem!r} ({question.benchmark})"
        )
        warnings.warn(message, RepeatedPrompts, stacklevel=2)
    return tuple(AugmentedPrompt(stem, shown) for stem, shown in zip(stems, images, strict=True))


def _stems(question: Question, members: int, rng: random.Random, forms: Sequence[str] | None) -> tuple[str, ...]:
    forms = rewrites(question.stem) if forms is None else forms
    others = list(dict.fromkeys(form for form in forms if form != question.stem))
    rng.shuffle(others)
    return tuple(islice(cycle([question.stem, *others]), members))


def _images(image: Image.Image, members: int, rng: random.Random, change: Change) -> tuple[Image.Image, ...]:
    images, seen = [image], {image.tobytes()}
    for _ in range(1, members):
        draws = (change(image, rng) for _ in range(_DRAWS))
        own = next((drawn for drawn in draws if drawn.tobytes() not in seen), None)
        if own is None:
            raise ValueError(
                f"no image of its own for a member: {_DRAWS} draws repeated other members' images. Fix: raise the "
                f"strength, or use a larger image than {image.width}x{image.height}"
            )
        images.append(own)
        seen.add(own.tobytes())
    return tuple(images[:members])
