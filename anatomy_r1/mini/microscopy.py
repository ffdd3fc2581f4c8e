"""Generated microscopy: one tissue fills the field of view; records in OmniMedVQA's form.

What is asked for is the tissue or the diagnosis (both follow from the texture), the stain (from the colour), or the
modality (always microscopy, as in OmniMedVQA).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.mini.atlas import SIZE, Field
from anatomy_r1.mini.classes import (
    COLORS,
    DIAGNOSES,
    HEALTH,
    HEALTHY_TEXTURES,
    MODALITIES,
    MODALITY_TYPE,
    QUESTION_TYPES,
    STAINS,
    TEXTURES,
    TISSUES,
    TYPE_SHARES,
)
from anatomy_r1.mini.scene import CELL, finish, tissue

TISSUE, DISEASE, MODALITY, OTHER = QUESTION_TYPES
POOLS: dict[str, tuple[str, ...]] = {TISSUE: TISSUES, DISEASE: DIAGNOSES, MODALITY: MODALITIES, OTHER: STAINS}
"""Question type -> everything that may stand among its options."""
STEMS: dict[str, tuple[str, ...]] = {
    TISSUE: (
        "What type of tissue is shown in this image?",
        "Which tissue can be seen in this picture?",
        "What is the tissue illustrated in this image?",
    ),
    DISEASE: (
        "What is the diagnosis shown in this image?",
        "Which condition can be seen in this picture?",
        "What is the likely diagnosis depicted in this image?",
    ),
    MODALITY: (
        "What modality was used to capture this image?",
        "Which imaging technique was used to obtain this picture?",
    ),
    OTHER: ("What stain was used in this image?", "Which staining can be seen in this picture?"),
}
"""Surface wordings of a type."""
HEALTH_STEM = "Is the tissue in this image normal or abnormal?"
DATASETS = {TISSUE: "MiniTissue", DISEASE: "MiniBiopsy", MODALITY: "MiniTissue", OTHER: "MiniBiopsy"}
TWO_OPTION_SHARE = 0.08
"""468 of OmniMedVQA's 5,680 microscopy records have two options."""


@dataclass(frozen=True)
class Slide:
    """One image and its truth."""

    image: NDArray[np.uint8]
    """(SIZE, SIZE, 3) RGB."""
    texture: str
    color: str

    def answer(self, question_type: str) -> str:
        """What is right for a type of question."""
        index = list(COLORS).index(self.color) if question_type == OTHER else TEXTURES.index(self.texture)
        return MODALITIES[0] if question_type == MODALITY else POOLS[question_type][index]

    @property
    def health(self) -> str:
        """What is right for `HEALTH_STEM`."""
        return HEALTH[0 if self.texture in HEALTHY_TEXTURES else 1]


@dataclass(frozen=True, slots=True)
class Record:
    """One question about a slide."""

    question_type: str
    stem: str
    options: tuple[str, ...]
    answer: str


def draw_slide(rng: np.random.Generator) -> Slide:
    """One image; texture and colour are drawn evenly and independently, so that neither gives the other away."""
    texture, color = str(rng.choice(TEXTURES)), str(rng.choice(list(COLORS)))
    canvas = (tissue(rng, texture, color) + rng.normal(0, 5, 3).astype(np.float32)) * _lamp(rng)
    _paint_nuclei(rng, canvas)
    return Slide(finish(rng, canvas), texture, color)


def _lamp(rng: np.random.Generator) -> Field:
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / CELL
    row, column = rng.uniform(0.9, 2.1, 2)
    return np.asarray((1.08 - 0.07 * ((y - row) ** 2 + (x - column) ** 2))[..., None], np.float32)


def _paint_nuclei(rng: np.random.Generator, canvas: Field) -> None:
    """A few dark blue discs, in place: what makes it look like cells."""
    y, x = np.mgrid[:SIZE, :SIZE]
    for _ in range(int(rng.integers(4, 9))):
        row, column = rng.uniform(4, SIZE - 4, 2)
        canvas[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(1.5, 2.4) ** 2] = (70, 50, 110)


def choose(rng: np.random.Generator, right: str, pool: tuple[str, ...], count: int = 4) -> tuple[str, ...]:
    """`count` options in random order: the right one and others drawn evenly from the pool."""
    wrong = [name for name in pool if name != right]
    drawn = [right, *(wrong[i] for i in rng.permutation(len(wrong))[: count - 1])]
    return tuple(drawn[i] for i in rng.permutation(len(drawn)))


def draw_type(rng: np.random.Generator) -> str:
    """A question type, with OmniMedVQA's shares."""
    return QUESTION_TYPES[int(rng.choice(len(QUESTION_TYPES), p=TYPE_SHARES))]


def draw_stem(rng: np.random.Generator, question_type: str) -> str:
    """One of a type's wordings."""
    wordings = STEMS[question_type]
    return wordings[int(rng.integers(len(wordings)))]


def draw_record(rng: np.random.Generator, slide: Slide) -> Record:
    """One question about a slide; now and then one with two options."""
    if rng.random() < TWO_OPTION_SHARE:
        return Record(DISEASE, HEALTH_STEM, choose(rng, slide.health, HEALTH, 2), slide.health)
    kind = draw_type(rng)
    right = slide.answer(kind)
    return Record(kind, draw_stem(rng, kind), choose(rng, right, POOLS[kind]), right)


def omnimed_json(record: Record, dataset: str, question_id: str, image_path: str) -> dict[str, str]:
    """The record as OmniMedVQA writes it; two-option records have no `option_C` and `option_D`."""
    options = {f"option_{letter}": text for letter, text in zip("ABCD", record.options, strict=False)}
    return {
        "dataset": dataset,
        "question_id": question_id,
        "question_type": record.question_type,
        "question": record.stem,
        "gt_answer": record.answer,
        "image_path": image_path,
        **options,
        "modality_type": MODALITY_TYPE,
    }
