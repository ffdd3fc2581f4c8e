"""The base's lessons about scenes: place, colour, texture, and a noisy name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anatomy_r1.mini.ask import Family, ask, draw_hop, draw_noun
from anatomy_r1.mini.classes import ANATOMIES, POSITIONS, TEXTURES, label
from anatomy_r1.mini.lessons import (
    COLOR_WORDS,
    SURGERY,
    Habits,
    Turn,
    answer,
    draw_style,
    letter,
    lookup,
    noisy_name,
    one_of,
    pick,
    tag,
)
from anatomy_r1.mini.microscopy import choose
from anatomy_r1.mini.scene import Cell, Scene
from anatomy_r1.prompts import render_text

FAMILIES: tuple[tuple[Family, float], ...] = (("location", 0.5), ("zero_hop", 0.22), ("one_hop", 0.28))
LOCATION_FORMS = (
    "Which anatomy is at the {place} of the frame ?",
    "What is the anatomy at the {place} ?",
    "What is the name of the {place} anatomy ?",
)
"""Other wordings of the location form, so that rewritten questions are not foreign to the base."""


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
