"""Hyperparameters of the base's training. All are our choice, found by trial; the paper has no such base."""

from __future__ import annotations

from dataclasses import dataclass

from anatomy_r1.mini.architecture import Size


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one size, phase by phase (see `phases.py`)."""

    seed: int = 1234
    """Seed of the base's own scenes and lessons; the benchmark's worlds have other seeds."""
    scenes: int = 2600
    slides: int = 900
    pool_chunk: int = 250
    """Images preprocessed at a time, to bound memory."""
    middle: int = 3
    """Layer whose output at the question mark must encode the word looked up."""
    readout_weight: float = 0.5

    lookup_steps: int = 300
    lookup_rows: int = 32
    lookup_turns: int = 4
    lookup_lr: float = 3e-3
    lookup_stop: float = 0.95
    """Phase A ends early when this share of direct look-ups is correct."""
    sight_steps: int = 90
    sight_batch: int = 64
    sight_lr: float = 2e-3
    pointer_steps: int = 170
    pointer_rows: int = 32
    pointer_questions: int = 6
    joint_steps: int = 260
    joint_scene_rows: int = 13
    joint_slide_rows: int = 4
    joint_turns: int = 5
    joint_lr: float = 2e-3
    sight_weight: float = 0.3
    """Weight of the vision alignment during the joint phase."""

    think_share: float = 0.3
    description_noise: float = 0.4
    """Share of wrong colour and texture words in the base's own reasoning."""
    name_gain: float = 1.3
    """Relative weight of the correct name in the noisy labels: about 30 % correct with four options."""
    rare: float = 0.45
    """Weight of Cystic Plate in the noisy labels: a base that rarely names it makes it the hard anatomy."""

    habit_steps: int = 40
    habit_rows: int = 32
    habit_lr: float = 5e-4
    habit_think_share: float = 0.8
    habit_noise: float = 0.5
    habit_rare: float = 0.25


RECIPES: dict[Size, Recipe] = {
    "mini-l": Recipe(),
    "mini-s": Recipe(),
}


def toy() -> Recipe:
    """Two steps of each phase on a few images: shows that the recipe runs, teaches nothing."""
    return Recipe(
        scenes=12, slides=6, lookup_steps=2, lookup_rows=2, sight_steps=2, sight_batch=4, pointer_steps=2,
        pointer_rows=2, joint_steps=2, joint_scene_rows=2, joint_slide_rows=1, habit_steps=2, habit_rows=3,
    )  # fmt: skip
