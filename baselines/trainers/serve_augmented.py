"""GDQA: every member of a group sees its own wording of the question and its own noise on the image (paper, "GDQA").

This is where `grpo-gdqa` differs from `grpo` (item 2 of the step in grpo.py). Rewrites and noise are made in
`anatomy_r1/data/augmentation`; here they are applied to rows of a training set. The first member keeps the original
pair (ours: the paper does not say).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from anatomy_r1.data.augmentation.groups import augment_group, noisy, rewrites
from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.prompts import Style, render
from anatomy_r1.question import Question
from baselines.trainers.sampler import TrainingRow

Augment = Callable[[TrainingRow, int, random.Random], list[TrainingRow]]
"""(row, members, generator of the group) -> one row per member."""


@dataclass(frozen=True)
class Augmentation:
    """The paper's phi (text) and psi (image) over rows of a training set."""

    questions: Mapping[str, Question]
    """By id."""
    style: Style
    text: bool
    """Whether members see other wordings; if not, this is the paper's -Text."""
    image: bool
    """Whether members see other noise; if not, this is the paper's -Image."""
    strength: float
    """Standard deviation of the noise, as a share of the full range."""
    known: Callable[[str], bool]
    """Whether the policy's tokenizer has all words of a text."""
    wording: str | None = None
    """Prompt wording; None is the benchmark's canonical one."""

    def __call__(self, row: TrainingRow, members: int, rng: random.Random) -> list[TrainingRow]:
        """The row as each member of its group sees it."""
        question = self.questions[row["question_id"]]
        forms = [form for form in rewrites(question.stem) if self.known(form)] if self.text else ()
        change = partial(noisy, strength=self.strength)
        shown = augment_group(
            question, row["image"], members, rng, text=self.text, image_noise=self.image, forms=forms, change=change
        )
        return [{**row, "prompt": self._prompt(row, question, prompt.stem), "image": prompt.image} for prompt in shown]

    def _prompt(self, row: TrainingRow, question: Question, stem: str) -> list[dict[str, str]]:
        """The turn in other words, with the options really served: a curriculum may have changed them."""
        served = replace(question, stem=stem, options=tuple(row["options"]))
        return [{"role": "user", "content": render(served, self.style, self.wording)}]


def group_rng(seed: int, generation: int, question_id: str) -> random.Random:
    """The random generator that the members of a group share; the same after a resume."""
    return random.Random(f"{seed}/{generation}/{question_id}")


def build_augmentation(settings: Any, prepared: PreparedSet, style: Style, tokenizer: Any) -> Augment | None:
    """The augmentation that an `RLConfig` asks for, or None."""
    if not settings.augments:
        return None
    return Augmentation(
        questions={question.id: question for question in prepared.questions},
        style=style,
        text=settings.augment_text,
        image=settings.augment_image,
        strength=settings.noise_strength,
        known=partial(_known, tokenizer),
        wording=prepared.wording,
    )


def _known(tokenizer: Any, text: str) -> bool:
    """A tiny model has a closed vocabulary; a wording with unknown words is no paraphrase to it."""
    return tokenizer.unk_token_id is None or tokenizer.unk_token_id not in tokenizer(text)["input_ids"]
