"""What the base is taught, as turns of a conversation about one picture (or about none).

It learns to find an option's letter, to say where and what something looks like, and a noisy guess at names. It never
learns which texture belongs to which name: that is left to the methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from anatomy_r1.mini.classes import (
    ANATOMIES,
    COLORS,
    DIAGNOSES,
    HEALTH,
    MODALITIES,
    POSITIONS,
    STAINS,
    TEXTURES,
    TISSUES,
)
from anatomy_r1.mini.microscopy import choose
from anatomy_r1.prompts import Style, render_text
from anatomy_r1.question import LETTERS

T = TypeVar("T")
COLOR_WORDS = tuple(COLORS)
SURGERY, MICROSCOPY = "choice", "microscopy"
SURGERY_POOLS = ((ANATOMIES, 0.5), (TEXTURES, 0.3), (POSITIONS, 0.1), (COLOR_WORDS, 0.1))
MICROSCOPY_POOLS = (
    (TISSUES, 0.25), (DIAGNOSES, 0.25), (STAINS, 0.12), (MODALITIES, 0.12), (TEXTURES, 0.14), (COLOR_WORDS, 0.12),
)  # fmt: skip
MICROSCOPY_SHARE = 0.3
"""Share of microscopy among lessons without a picture."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer."""

    user: str
    assistant: str
    kind: str
    """For the progress line: what was asked, and D (direct) or T (think)."""
    held: str | None = None
    """The word that the question mark must hold half-way up the network."""


@dataclass(frozen=True)
class Habits:
    """How noisily the base speaks."""

    think_share: float
    noise: float
    gain: float
    rare: float


def pick(rng: np.random.Generator, items: tuple[tuple[T, float], ...]) -> T:
    """One item, by weight."""
    return items[int(rng.choice(len(items), p=[weight for _, weight in items]))][0]


def one_of(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    """One word, evenly."""
    return words[int(rng.integers(len(words)))]


def draw_style(rng: np.random.Generator, think_share: float) -> Style:
    """`think` with the given probability."""
    return "think" if rng.random() < think_share else "direct"


def letter(options: tuple[str, ...], choice: str) -> str:
    """Letter of an option."""
    return LETTERS[options.index(choice)]


def answer(style: Style, rationale: str, mark: str) -> str:
    """A completion, in the form that CoT-SFT and SFT teach."""
    direct = f"<answer> {mark} </answer>"
    return f"<think> {rationale} {mark} </think> {direct}" if style == "think" else direct


def tag(kind: str, style: Style) -> str:
    """`look` and `think` give `lookT`."""
    return kind + ("T" if style == "think" else "D")


def lookup(rng: np.random.Generator, style: Style, wording: str) -> Turn:
    """Which letter stands before a given option?"""
    pool = pick(rng, SURGERY_POOLS if wording == SURGERY else MICROSCOPY_POOLS)
    word = one_of(rng, pool)
    options = choose(rng, word, pool)
    text = render_text(f"Which option is {word} ?", options, style, wording)
    return Turn(text, answer(style, f"so {word}", letter(options, word)), tag("look", style), word)


def health_lookup(rng: np.random.Generator, style: Style) -> Turn:
    """The same with the two options of the two-option records."""
    word = one_of(rng, HEALTH)
    options = choose(rng, word, HEALTH, 2)
    text = render_text(f"Which option is {word} ?", options, style, MICROSCOPY)
    return Turn(text, answer(style, f"so {word}", letter(options, word)), tag("look", style), word)


ANATOMY_SKEW = {"Liver": 1.5, "Omentum": 0.9, "Abdominal Wall Cavity": 0.8, "Gallbladder": 1.4, "Gut": 1.0}
"""How readily the base says a name, whatever it sees; Cystic Plate's weight is the recipe's."""


def noisy_name(rng: np.random.Generator, right: str, options: tuple[str, ...], gain: float, rare: float) -> str:
    """A label that is right only a little more often than chance."""
    skew = {**ANATOMY_SKEW, "Cystic Plate": rare}
    weights = np.array([skew.get(name, 1.0) * (gain if name == right else 1.0) for name in options])
    return options[int(rng.choice(len(options), p=weights / weights.sum()))]
