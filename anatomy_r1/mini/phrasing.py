"""Every accepted wording of a question (GDQA's phi), for the lessons of a base to which none is then foreign."""

from __future__ import annotations

import numpy as np

from anatomy_r1.data.augmentation.groups import rewrites
from anatomy_r1.data.augmentation.scene_questions import OWN_WORDS
from anatomy_r1.mini.ask import location_stem
from anatomy_r1.mini.classes import POSITIONS

REWORDED = 0.7
"""Share of lessons in another wording (our choice). A stem has about thirty forms, and one is the original."""


def reworded(rng: np.random.Generator, stem: str) -> str:
    """A stem, mostly in another of its wordings."""
    forms = rewrites(stem)
    return forms[int(rng.integers(len(forms)))] if forms and rng.random() < REWORDED else stem


def reworded_place(rng: np.random.Generator, cell: int, noun: str) -> str:
    """Asks for the anatomy, or another noun, at a place."""
    return reworded(rng, location_stem(cell)).replace("anatomy", noun)


def place_phrases() -> dict[str, tuple[str, ...]]:
    """Position -> its own name and the rewrites' names for it."""
    return {place: (place, *OWN_WORDS[place]) for place in POSITIONS}


def rewrite_words() -> str:
    """Words that only rewrites have, for the vocabulary."""
    places = " ".join(phrase for phrases in OWN_WORDS.values() for phrase in phrases)
    return f"{places} {_FRAMES}"


_FRAMES = "Can Please you look observed employed utilized say state tell whether name identify portion"
