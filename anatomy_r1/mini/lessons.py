"""What the base is taught, as turns of a conversation about one picture (or about none).

It learns to find an option's letter, to say where and what something looks like, and a noisy guess at names. It never
learns which texture belongs to which name: that is left to the methods.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from anatomy_r1.mini.ask import Family, ask, draw_hop, draw_noun
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
    label,
)
from anatomy_r1.mini.microscopy import choose
from anatomy_r1.mini.scene import Cell, Scene
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
FAMILIES: tuple[tuple[Family, float], ...] = (("location", 0.5), ("zero_hop", 0.22), ("one_hop", 0.28))
LOCATION_FORMS = (
    "Which anatomy is at the {place} of the frame ?",
    "What is the anatomy at the {place} ?",
    "What is the name of the {place} anatomy ?",
)
"""Other wordings of the location form, so that rewritten questions are not foreign to the base."""


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


def rationale(cell: Cell, place: str, name: str) -> str:
    """Where, how it looks, what it is."""
    return f"{place} : {cell.color} {cell.texture} , so {name}"


def skeleton(rng: np.random.Generator) -> Turn:
    """Reasoning without a picture: the place follows from the question; colour and texture carry no loss."""
    index = int(rng.integers(9))
    textures = bool(rng.random() < 0.5)
    pool, noun = (TEXTURES, "texture") if textures else (ANATOMIES, "anatomy")
    word = one_of(rng, pool)
    texture = word if textures else one_of(rng, TEXTURES)
    cell = Cell(word, one_of(rng, COLOR_WORDS), texture, 1.0, (0.5, 0.5))
    options = choose(rng, word, pool)
    text = render_text(_skeleton_stem(rng, index, noun, cell.color), options, "think", SURGERY)
    return Turn(text, answer("think", rationale(cell, POSITIONS[index], word), letter(options, word)), "skeletonT")


def _skeleton_stem(rng: np.random.Generator, index: int, noun: str, color: str) -> str:
    draw = rng.random()
    if draw < 0.4:
        return f"{one_of(rng, ('Which', 'What'))} {noun} is at the {POSITIONS[index]} of the frame ?"
    if draw < 0.55:
        return f"What is the {color} {POSITIONS[index]} anatomy?"
    hop, thing = draw_hop(rng, index), draw_noun(rng)
    assert hop is not None, "every cell of the grid has neighbours"
    place = POSITIONS[hop.reference]
    if rng.random() < 0.5:
        return f"What is the {noun} of the {thing} {hop.relation} the {place} region ?"
    other = label(one_of(rng, ANATOMIES))
    return f"What is the name of the {color} {thing} {hop.relation} the {place} {other} anatomy?"


def attribute_stem(rng: np.random.Generator, index: int, noun: str) -> str:
    """Asks for a cell's colour or texture, directly or from a neighbour."""
    if rng.random() > 0.4:
        return f"Which {noun} is at the {POSITIONS[index]} of the frame ?"
    hop = draw_hop(rng, index)
    assert hop is not None, "every cell of the grid has neighbours"
    return f"What is the {noun} of the {draw_noun(rng)} {hop.relation} the {POSITIONS[hop.reference]} region ?"


def attribute(scene: Scene, rng: np.random.Generator, habits: Habits) -> Turn:
    """A clean question about a colour or a texture: the skill that everything else rests on."""
    style = draw_style(rng, habits.think_share)
    index = int(rng.integers(9))
    cell = scene.cells[index]
    colors = rng.random() < 0.35
    pool, noun, word = (COLOR_WORDS, "colour", cell.color) if colors else (TEXTURES, "texture", cell.texture)
    options = choose(rng, word, pool)
    text = render_text(attribute_stem(rng, index, noun), options, style, SURGERY)
    reason = rationale(_described(rng, cell, habits.noise), POSITIONS[index], word)
    return Turn(text, answer(style, reason, letter(options, word)), tag("look at", style), word)


def _described(rng: np.random.Generator, cell: Cell, noise: float) -> Cell:
    """The cell as the base describes it: now and then a wrong colour or texture."""
    color = one_of(rng, COLOR_WORDS) if rng.random() < noise else cell.color
    texture = one_of(rng, TEXTURES) if rng.random() < noise else cell.texture
    return replace(cell, color=color, texture=texture)


def reworded(rng: np.random.Generator, stem: str, family: Family, place: str) -> str:
    """Now and then another wording of the same question."""
    if family == "location":
        return one_of(rng, LOCATION_FORMS).format(place=place) if rng.random() < 0.45 else stem
    if rng.random() >= 0.35:
        return stem
    return stem.replace("What is the name of the", "Which anatomy is the").replace(
        "What is the", "Which anatomy is the"
    )


ANATOMY_SKEW = {"Liver": 1.5, "Omentum": 0.9, "Abdominal Wall Cavity": 0.8, "Gallbladder": 1.4, "Gut": 1.0}
"""How readily the base says a name, whatever it sees; Cystic Plate's weight is the recipe's."""


def noisy_name(rng: np.random.Generator, right: str, options: tuple[str, ...], gain: float, rare: float) -> str:
    """A label that is right only a little more often than chance."""
    skew = {**ANATOMY_SKEW, "Cystic Plate": rare}
    weights = np.array([skew.get(name, 1.0) * (gain if name == right else 1.0) for name in options])
    return options[int(rng.choice(len(options), p=weights / weights.sum()))]


def anatomy(scene: Scene, rng: np.random.Generator, habits: Habits) -> Turn:
    """A question of the benchmark's kind, noisily answered."""
    asked = ask(scene, rng, pick(rng, FAMILIES)) or ask(scene, rng, "location")
    assert asked is not None, "base scenes have a clear cell"
    style = draw_style(rng, habits.think_share)
    cell, place = scene.cells[asked.cell], POSITIONS[asked.cell]
    options = choose(rng, cell.name, ANATOMIES)
    name = noisy_name(rng, cell.name, options, habits.gain, habits.rare)
    text = render_text(reworded(rng, asked.stem, asked.family, place), options, style, SURGERY)
    reason = rationale(_described(rng, cell, habits.noise), place, name)
    return Turn(text, answer(style, reason, letter(options, name)), tag("name", style), cell.texture)


def region_caption(scene: Scene, rng: np.random.Generator) -> Turn:
    """Colour and texture of one cell."""
    index = int(rng.integers(9))
    cell = scene.cells[index]
    return Turn(f"Describe the {POSITIONS[index]} region .", f"{cell.color} {cell.texture}", "caption")


def frame_caption(scene: Scene) -> Turn:
    """Colour and texture of all nine."""
    return Turn("Describe the frame .", " ".join(f"{c.color} {c.texture}" for c in scene.cells), "caption")


def scene_turn(scene: Scene, rng: np.random.Generator, habits: Habits) -> Turn:
    """One turn of the joint phase about a scene."""
    draw = rng.random()
    if draw < 0.05:
        return region_caption(scene, rng)
    if draw < 0.10:
        return frame_caption(scene)
    if draw < 0.72:
        return attribute(scene, rng, habits)
    if draw < 0.85:
        return lookup(rng, draw_style(rng, habits.think_share), SURGERY)
    return anatomy(scene, rng, habits)


def probe(scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """A bare question and the word that its question mark must hold."""
    draw = rng.random()
    if draw < 0.25:
        word = one_of(rng, (*ANATOMIES, *TEXTURES, *COLOR_WORDS))
        return f"Which option is {word} ?", word
    if draw < 0.6:
        asked = ask(scene, rng, pick(rng, FAMILIES)) or ask(scene, rng, "location")
        if asked is not None:
            stem = reworded(rng, asked.stem, asked.family, POSITIONS[asked.cell])
            return stem, scene.cells[asked.cell].texture
    index = int(rng.integers(9))
    cell = scene.cells[index]
    colors = rng.random() < 0.35
    noun, word = ("colour", cell.color) if colors else ("texture", cell.texture)
    return attribute_stem(rng, index, noun), word
