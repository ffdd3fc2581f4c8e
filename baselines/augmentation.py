"""Group Diversity Question Augmentation: every member of a group has its own wording and image (paper, "GDQA").

The first member keeps the original pair (ours: the paper does not say), so that the policy never loses the question as
it is evaluated. The others take the accepted rewrites in turn, in an order of the group's own, and noise of their own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prepared import PreparedSet
from anatomy_r1.prompts import Style, render
from anatomy_r1.question import Question

Row = dict[str, Any]


@dataclass(frozen=True)
class Augmentation:
    """phi and psi over rows of a training set."""

    questions: Mapping[str, Question]
    """By id."""
    style: Style
    rewrites: Callable[[Question], tuple[str, ...]] | None
    """phi: other stems of the same meaning; None leaves the text alone."""
    noisy: Callable[[Any, random.Random], Any] | None
    """psi: an image with other noise; None leaves the image alone."""

    def __call__(self, row: Row, member: int, rng: random.Random) -> Row:
        """The row as this member sees it. `rng` is in the same state for every member of a group."""
        if member == 0:
            return row
        own = random.Random(f"{rng.random()}/{member}")  # first, so that the noise is the same without rewrites
        text = self._reworded(row, member, rng) if self.rewrites else {}
        image = {"image": self.noisy(row["image"], own)} if self.noisy else {}
        return {**row, **text, **image}

    def _reworded(self, row: Row, member: int, rng: random.Random) -> Row:
        question = self.questions[row["question_id"]]
        assert self.rewrites is not None
        others = list(self.rewrites(question))
        rng.shuffle(others)
        stem = [question.stem, *others][member % (len(others) + 1)]
        served = replace(question, stem=stem, options=tuple(row["options"]))
        return {"prompt": [{"role": "user", "content": render(served, self.style)}]}


def group_rng(seed: int, generation: int, question_id: str) -> random.Random:
    """Randomness that the members of a group share, and that a resumed run finds again."""
    return random.Random(f"{seed}/{generation}/{question_id}")


def build_augmentation(settings: Any, prepared: PreparedSet, style: Style) -> Augmentation | None:
    """The augmentation that an `RLConfig` asks for; None when it asks for none.

    Raises:
        AnatomyR1Error: when phi and psi are not installed.
    """
    if not settings.augments:
        return None
    try:
        from anatomy_r1.augmentation import noisy, rewrites
    except ImportError as error:
        raise AnatomyR1Error("GDQA needs anatomy_r1.augmentation, which is not installed") from error
    strength = settings.noise_strength
    return Augmentation(
        questions={question.id: question for question in prepared.questions},
        style=style,
        rewrites=rewrites if settings.augment_text else None,
        noisy=(lambda image, rng: noisy(image, rng, strength)) if settings.augment_image else None,
    )
