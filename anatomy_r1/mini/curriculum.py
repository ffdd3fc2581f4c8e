"""Which lessons a recipe teaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anatomy_r1.mini import scene_lessons, slide_lessons, worded_scene_lessons, worded_slide_lessons
from anatomy_r1.mini.lessons import (
    MICROSCOPY,
    MICROSCOPY_SHARE,
    SURGERY,
    Habits,
    Turn,
    draw_style,
    health_lookup,
    lookup,
)
from anatomy_r1.mini.microscopy import Slide
from anatomy_r1.mini.scene import Scene
from anatomy_r1.prompts import Style

Rng = np.random.Generator
Skeleton = Callable[[Rng], Turn]
LookUp = Callable[[Rng, Style], Turn]


@dataclass(frozen=True)
class SceneLessons:
    """Lessons about scenes."""

    turn: Callable[[Scene, Rng, Habits], Turn]
    named: Callable[[Scene, Rng, Habits], Turn]
    probe: Callable[[Scene, Rng], tuple[str, str]]
    skeleton: Skeleton
    lookup: LookUp


@dataclass(frozen=True)
class SlideLessons:
    """Lessons about slides."""

    turn: Callable[[Slide, Rng, Habits], Turn]
    named: Callable[[Slide, Rng, Habits], Turn]
    probe: Callable[[Slide, Rng], tuple[str, str]]
    skeleton: Skeleton
    lookup: LookUp


@dataclass(frozen=True)
class Curriculum:
    """All lessons of a recipe."""

    scenes: SceneLessons
    slides: SlideLessons

    def turn(self, picture: Scene | Slide, rng: Rng, habits: Habits) -> Turn:
        """One turn of the joint phase."""
        if isinstance(picture, Slide):
            return self.slides.turn(picture, rng, habits)
        return self.scenes.turn(picture, rng, habits)

    def named(self, picture: Scene | Slide, rng: Rng, habits: Habits) -> Turn:
        """A noisily answered question of the benchmark's kind."""
        if isinstance(picture, Slide):
            return self.slides.named(picture, rng, habits)
        return self.scenes.named(picture, rng, habits)

    def probe(self, picture: Scene | Slide, rng: Rng) -> tuple[str, str]:
        """A bare question and the word that its last token must hold."""
        return self.slides.probe(picture, rng) if isinstance(picture, Slide) else self.scenes.probe(picture, rng)

    def text_turn(self, rng: Rng, skeletons: float, think_share: float) -> Turn:
        """A lesson without a picture: a skeleton with the given probability, or else a look-up."""
        lessons = self.slides if rng.random() < MICROSCOPY_SHARE else self.scenes
        if rng.random() < skeletons:
            return lessons.skeleton(rng)
        return lessons.lookup(rng, draw_style(rng, think_share))


def _first_scene_lookup(rng: Rng, style: Style) -> Turn:
    return lookup(rng, style, SURGERY)


def _first_slide_lookup(rng: Rng, style: Style) -> Turn:
    return health_lookup(rng, style) if rng.random() < 0.05 else lookup(rng, style, MICROSCOPY)


FIRST = Curriculum(
    SceneLessons(
        turn=scene_lessons.scene_turn,
        named=scene_lessons.anatomy,
        probe=scene_lessons.probe,
        skeleton=scene_lessons.skeleton,
        lookup=_first_scene_lookup,
    ),
    SlideLessons(
        turn=slide_lessons.slide_turn,
        named=slide_lessons.slide_name,
        probe=slide_lessons.slide_probe,
        skeleton=slide_lessons.slide_skeleton,
        lookup=_first_slide_lookup,
    ),
)
WORDED = Curriculum(
    SceneLessons(
        turn=worded_scene_lessons.scene_turn,
        named=worded_scene_lessons.anatomy,
        probe=worded_scene_lessons.probe,
        skeleton=worded_scene_lessons.skeleton,
        lookup=worded_scene_lessons.scene_lookup,
    ),
    SlideLessons(
        turn=worded_slide_lessons.slide_turn,
        named=worded_slide_lessons.slide_name,
        probe=worded_slide_lessons.slide_probe,
        skeleton=worded_slide_lessons.slide_skeleton,
        lookup=worded_slide_lessons.slide_lookup,
    ),
)
CURRICULA = {"first": FIRST, "worded": WORDED}
