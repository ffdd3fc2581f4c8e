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
    narrowed_lookup,
)
from anatomy_r1.mini.microscopy import Slide
from anatomy_r1.mini.scene import Scene

Rng = np.random.Generator
Skeleton = Callable[[Rng], Turn]


@dataclass(frozen=True)
class SceneLessons:
    """Lessons about scenes."""

    turn: Callable[[Scene, Rng, Habits], Turn]
    named: Callable[[Scene, Rng, Habits], Turn]
    probe: Callable[[Scene, Rng], tuple[str, str]]
    skeleton: Skeleton


@dataclass(frozen=True)
class SlideLessons:
    """Lessons about slides."""

    turn: Callable[[Slide, Rng, Habits], Turn]
    named: Callable[[Slide, Rng, Habits], Turn]
    probe: Callable[[Slide, Rng], tuple[str, str]]
    skeleton: Skeleton


@dataclass(frozen=True)
class Curriculum:
    """All lessons of a recipe."""

    scenes: SceneLessons
    slides: SlideLessons
    narrow: bool
    """Whether direct answers are narrow now and then."""

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
        microscopy = rng.random() < MICROSCOPY_SHARE
        if rng.random() < skeletons:
            return (self.slides if microscopy else self.scenes).skeleton(rng)
        style = draw_style(rng, think_share)
        health = microscopy and rng.random() < 0.05
        wording = MICROSCOPY if microscopy else SURGERY
        if self.narrow:
            return narrowed_lookup(rng, style, wording, health=health)
        return health_lookup(rng, style) if health else lookup(rng, style, wording)


FIRST = Curriculum(
    SceneLessons(scene_lessons.scene_turn, scene_lessons.anatomy, scene_lessons.probe, scene_lessons.skeleton),
    SlideLessons(
        slide_lessons.slide_turn, slide_lessons.slide_name, slide_lessons.slide_probe, slide_lessons.slide_skeleton
    ),
    narrow=False,
)
WORDED = Curriculum(
    SceneLessons(
        worded_scene_lessons.scene_turn,
        worded_scene_lessons.anatomy,
        worded_scene_lessons.probe,
        worded_scene_lessons.skeleton,
    ),
    SlideLessons(
        worded_slide_lessons.slide_turn,
        worded_slide_lessons.slide_name,
        worded_slide_lessons.slide_probe,
        worded_slide_lessons.slide_skeleton,
    ),
    narrow=True,
)
CURRICULA = {"first": FIRST, "worded": WORDED}
