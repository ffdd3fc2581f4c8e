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
from anatomy_r1.mini.descriptors import anatomy_likeness
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

Odds = tuple[tuple[str, float], ...]
"""Words and their probabilities."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer."""

    user: str
    assistant: str
    kind: str
    """For the progress line: what was asked, and D (direct) or T (think)."""
    held: str | None = None
    """The word that the stem's last token must hold half-way up the network."""
    soft: tuple[tuple[int, Odds], ...] = ()
    """Place in the answer's tokens -> odds of what may stand there: learnt as probabilities, not as samples."""
    narrow: bool = False
    """What follows the stem may attend neither to the picture nor to the stem, but for its last token."""


@dataclass(frozen=True)
class Habits:
    """How noisily the base speaks."""

    think_share: float
    noise: float
    gain: float
    rare: float
    likeness: float = 0.0
    """How much readier a wrong name comes that looks like the right one (`dose.py`)."""
    peak: float = 0.0
    """How strongly the base prefers some names to others, whatever it sees (`dose.py`)."""


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


NARROW = 0.5
"""Share of direct answers that are `Turn.narrow`. Look-ups are otherwise solved by a shortcut, comparing options with
the stem's words: it does not help with what a picture shows, which no stem names."""
HINTED = 0.5
"""Share of look-ups with a hint."""
LETTER_AT = 1
"""Place of the letter in the tokens of `<answer> letter </answer>`."""
RARE = ("Cystic Plate", "Abdominal Wall Cavity")
"""Names that a base seldom says, whatever it sees; the weight is the recipe's, all others have 1."""


def draw_narrow(rng: np.random.Generator, style: Style) -> bool:
    """Whether an answer is narrow; one with a rationale never is."""
    return style == "direct" and bool(rng.random() < NARROW)


def certain(style: Style, mark: str) -> tuple[tuple[int, Odds], ...]:
    """A direct answer's letter as a soft target: it then weighs as much as a noisy one."""
    return ((LETTER_AT, ((mark, 1.0),)),) if style == "direct" else ()


def hinted_lookup(rng: np.random.Generator, style: Style, wording: str, question: str) -> Turn:
    """A look-up that may be narrow, and whose stem may be a question of the benchmark's kind after a hint.

    What the question's last token must hold then stands far from it, among other words, as it does where a picture
    tells it.
    """
    pool = pick(rng, SURGERY_POOLS if wording == SURGERY else MICROSCOPY_POOLS)
    if wording == MICROSCOPY and rng.random() < 0.05:
        pool = HEALTH
    word = one_of(rng, pool)
    options = choose(rng, word, pool, min(4, len(pool)))
    hinted, narrow = rng.random() < HINTED, draw_narrow(rng, style)
    stem = f"There is {word} . {question}" if hinted else f"Which option is {word} ?"
    kind = f"{'hinted ' if hinted else ''}{'narrow ' if narrow else ''}{tag('look', style)}"
    mark = letter(options, word)
    text = render_text(stem, options, style, wording)
    return Turn(text, answer(style, f"so {word}", mark), kind, word, certain(style, mark), narrow)


def name_odds(right: str, options: tuple[str, ...], habits: Habits) -> Odds:
    """Labels that are right only a little more often than chance."""
    weights = [_readiness(name, right, habits) * (habits.gain if name == right else 1.0) for name in options]
    return tuple((name, weight / sum(weights)) for name, weight in zip(options, weights, strict=True))


def _readiness(name: str, right: str, habits: Habits) -> float:
    """How readily a base says a name where another is right: the rare ones seldom; the rest follows the dose."""
    weight = habits.rare if name in RARE else 1.0
    if name not in ANATOMIES or not (habits.likeness or habits.peak):
        return weight
    alike = anatomy_likeness().get((name, right), 0.0)
    return float(weight * np.exp(habits.likeness * alike - habits.peak * ANATOMIES.index(name)))


def word_odds(right: str, words: tuple[str, ...], noise: float) -> Odds:
    """The right word, or with probability `noise` any."""
    return tuple((word, (1 - noise) * (word == right) + noise / len(words)) for word in words)


def letter_odds(odds: Odds) -> Odds:
    """The same over the letters of the options, in whose order the odds are."""
    return tuple((mark, share) for mark, (_, share) in zip(LETTERS, odds, strict=False))


def draw_odds(rng: np.random.Generator, odds: Odds) -> str:
    """One of the words."""
    return odds[int(rng.choice(len(odds), p=[share for _, share in odds]))][0]
