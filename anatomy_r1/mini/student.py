"""A base in training: the model, its album of pictures, and how often it was right of late."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini.architecture import IMAGE_TOKENS
from anatomy_r1.mini.classes import COLORS, TEXTURES
from anatomy_r1.mini.curriculum import CURRICULA
from anatomy_r1.mini.lessons import Habits
from anatomy_r1.mini.microscopy import Slide, draw_slide
from anatomy_r1.mini.packing import Encoder
from anatomy_r1.mini.recipe import Recipe
from anatomy_r1.mini.scene import Scene, draw_clear_scene, draw_look

GRID = (1, 6, 6)
"""Patches of an image: time, rows, columns."""
PATCHES = 36
Picture = Scene | Slide


@dataclass(frozen=True)
class Album:
    """The base's own pictures, preprocessed once."""

    pictures: tuple[Picture, ...]
    """Scenes first, then slides."""
    scenes: int
    pixels: Tensor
    """(pictures, 36, 1176) half precision, to save memory."""
    looks: Tensor
    """(pictures, 9, 2): indices of each cell's colour and texture."""


class Student:
    """A model in training, with what every phase needs."""

    def __init__(self, model: Any, processor: Any, recipe: Recipe) -> None:
        self.model, self.recipe = model, recipe
        self.encoder = Encoder(processor.tokenizer)
        self.rng = np.random.default_rng(recipe.seed)
        self.curriculum = CURRICULA[recipe.lessons]
        self.album = draw_album(recipe, processor.image_processor)
        self.habits = Habits(recipe.joint_think_share, recipe.description_noise, recipe.name_gain, recipe.rare)
        self.right: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=300))
        """Kind of turn -> whether the last answers were right."""

    @property
    def language(self) -> Any:
        """The language tower."""
        return self.model.model.language_model

    @property
    def vision(self) -> Any:
        """The vision tower."""
        return self.model.model.visual

    def accuracy(self, kind: str) -> float:
        """Share of the last 300 answers of a kind that were right."""
        seen = self.right[kind]
        return sum(seen) / len(seen) if seen else 0.0

    def can(self, *kinds: str, at: float) -> bool:
        """Whether the last answers of all these kinds that were met are right in more than a share `at` of cases."""
        met = [kind for kind in kinds if self.right[kind]]
        return bool(met) and all(self.accuracy(kind) > at for kind in met)

    def require(self, *kinds: str, at: float) -> None:
        """A skill that has not come by the end of its phase makes no base.

        Raises:
            AnatomyR1Error: when the last answers of one of these kinds are right in no more than a share `at` of cases.
        """
        if at and not self.can(*kinds, at=at):
            found = ", ".join(f"{kind} {self.accuracy(kind):.2f}" for kind in kinds if self.right[kind])
            raise AnatomyR1Error(
                f"recipe {self.recipe.lessons}, seed {self.recipe.seed}: not learnt by the phase's last step: {found} "
                f"(needed: {at}). Fix: another seed, or more steps (anatomy_r1/mini/recipe.py)"
            )

    def report(self) -> dict[str, float]:
        """`accuracy` of every kind met so far."""
        return {kind: round(self.accuracy(kind), 3) for kind in sorted(self.right)}


def draw_album(recipe: Recipe, image_processor: Any) -> Album:
    """Scenes and slides from the base's own seed, each scene in a look of its own."""
    rng = np.random.default_rng([recipe.seed, 7])
    scenes: list[Picture] = [draw_clear_scene(rng, draw_look(rng)) for _ in range(recipe.scenes)]
    pictures = (*scenes, *(draw_slide(rng) for _ in range(recipe.slides)))
    looks = torch.tensor([_looks(picture) for picture in pictures])
    return Album(pictures, recipe.scenes, _pixels(pictures, image_processor, recipe.pool_chunk), looks)


def _looks(picture: Picture) -> list[tuple[int, int]]:
    parts = [picture] * IMAGE_TOKENS if isinstance(picture, Slide) else picture.cells
    return [(list(COLORS).index(part.color), TEXTURES.index(part.texture)) for part in parts]


def _pixels(pictures: Sequence[Picture], image_processor: Any, chunk: int) -> Tensor:
    parts = []
    for start in range(0, len(pictures), chunk):
        images = [Image.fromarray(picture.image) for picture in pictures[start : start + chunk]]
        values = image_processor(images, return_tensors="pt")["pixel_values"]
        parts.append(values.half().view(len(images), PATCHES, -1))
    return torch.cat(parts)
