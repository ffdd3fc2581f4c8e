"""Doses of what a method is meant to help with: a further habit turn of a committed base that changes its guesses.

The paper's two methods each answer a mechanism. A dose sets how strong it is in the mini world, from none on, and so
what the method could gain there (docs/calibration.md):

- **likeness** (for ASC): how much readier a wrong name comes that looks like the right one. The likeness of the options
  then decides how hard a question is. At 0 all distractors are alike to the base.
- **peak** (for GDQA): how strongly the base prefers some names to others, whatever it sees. Its groups then soon
  become uniform: all members say the same, all right or all wrong.

Weights of names follow exp(likeness * (cosine - mean cosine) - peak * place in `ANATOMIES`): our choice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from anatomy_r1.files import atomic_folder
from anatomy_r1.mini.recipe import Recipe

SCENES, SLIDES = 800, 250
"""Pictures of the turn (ours): fewer than a base's, since its names alone change."""
SEED_SHIFT = 1000
"""Added to the base's seed (ours), so that its pictures are others."""


@dataclass(frozen=True)
class Dose:
    """Strengths of both mechanisms; 0 is none."""

    likeness: float = 0.0
    peak: float = 0.0

    def __post_init__(self) -> None:
        if min(self.likeness, self.peak) < 0:
            raise ValueError(f"a dose should be 0 or more: {self}")


def give(source: Path, out: Path, dose: Dose, recipe: Recipe) -> None:
    """Write to `out` the base in `source` after a habit turn of `recipe` with the dose, whole or not at all.

    With the dose 0 it is a further turn of the usual habits, so that a dose differs from none in its strength alone.
    Pictures are others than the base's own.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from anatomy_r1.mini import phases
    from anatomy_r1.mini.architecture import save
    from anatomy_r1.mini.student import Student

    turn = replace(
        recipe, seed=recipe.seed + SEED_SHIFT, scenes=min(SCENES, recipe.scenes), slides=min(SLIDES, recipe.slides),
        habit_likeness=dose.likeness, habit_peak=dose.peak,
    )  # fmt: skip
    torch.set_num_threads(1)
    torch.manual_seed(turn.seed)
    model = AutoModelForImageTextToText.from_pretrained(source, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(source)
    model.train()
    phases.habit_phase(Student(model, processor, turn), lambda: None)
    model.eval()
    with atomic_folder(out) as folder:
        save(model, processor, folder)
