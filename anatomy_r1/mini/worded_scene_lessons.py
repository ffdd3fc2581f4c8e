"""Lessons about scenes of the recipe `worded`: every wording of a question, soft targets, narrow direct answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anatomy_r1.mini.ask import ask, draw_hop, draw_noun
from anatomy_r1.mini.classes import ANATOMIES, POSITIONS, TEXTURES, label
from anatomy_r1.mini.lessons import (
    COLOR_WORDS,
    LETTER_AT,
    SURGERY,
    Habits,
    Odds,
    Turn,
    answer,
    certain,
    draw_narrow,
    draw_odds,
    draw_style,
    hinted_lookup,
    letter,
    letter_odds,
    name_odds,
    one_of,
    pick,
    tag,
    word_odds,
)
from anatomy_r1.mini.microscopy import choose
from anatomy_r1.mini.phrasing import reworded, reworded_place
from anatomy_r1.mini.scene import Cell, Scene
from anatomy_r1.mini.scene_lessons import FAMILIES, frame_caption, rationale, region_caption
from anatomy_r1.prompts import Style, render_text

COLOR_AT, TEXTURE_AT, NAME_AT = 3, 4, 7
"""Places in the tokens of `<think> place : colour texture , so name letter </think> ...`."""


def skeleton(rng: np.random.Generator) -> Turn:
    """Reasoning without a picture: the place follows from the question; colour and texture carry no loss."""
    index = int(rng.integers(9))
    textures = bool(rng.random() < 0.5)
    pool, noun = (TEXTURES, "texture") if textures else (ANATOMIES, "anatomy")
    word = one_of(rng, pool)
    cell = Cell(word, one_of(rng, COLOR_WORDS), word if textures else one_of(rng, TEXTURES), 1.0, (0.5, 0.5))
    options = choose(rng, word, pool)
    stem = _stem(rng, index, noun, cell.color, label(one_of(rng, ANATOMIES)))
    text = render_text(stem, options, "think", SURGERY)
    return Turn(text, answer("think", rationale(cell, POSITIONS[index], word), letter(options, word)), "skeletonT")


def _stem(rng: np.random.Generator, index: int, noun: str, color: str, neighbour: str | Scene) -> str:
    """Asks for what is in a cell, in the forms of the benchmark; a `colour` never by a form that tells it."""
    draw = rng.random()
    if draw < 0.4:
        return reworded_place(rng, index, noun)
    if draw < 0.6 and noun != "colour":
        return reworded(rng, f"What is the {color} {POSITIONS[index]} anatomy?")
    hop, thing = draw_hop(rng, index), draw_noun(rng)
    assert hop is not None, "every cell of the grid has neighbours"
    place = POSITIONS[hop.reference]
    if noun == "colour" or (noun != "anatomy" and rng.random() < 0.2):
        return f"What is the {noun} of the {thing} {hop.relation} the {place} region ?"
    other = label(neighbour.cells[hop.reference].name) if isinstance(neighbour, Scene) else neighbour
    return reworded(rng, f"What is the name of the {color} {thing} {hop.relation} the {place} {other} anatomy?")


def attribute(scene: Scene, rng: np.random.Generator, habits: Habits) -> Turn:
    """A clean question about a colour or a texture: the skill that everything else rests on."""
    style = draw_style(rng, habits.think_share)
    index = int(rng.integers(9))
    cell = scene.cells[index]
    pool, noun, word = _attribute(rng, cell)
    options = choose(rng, word, pool)
    text = render_text(_stem(rng, index, noun, cell.color, scene), options, style, SURGERY)
    described, soft = _described(rng, cell, habits.noise)
    mark = letter(options, word)
    reply = answer(style, rationale(described, POSITIONS[index], word), mark)
    soft = soft if style == "think" else certain(style, mark)
    return Turn(text, reply, tag("look at", style), word, soft, draw_narrow(rng, style))


def _attribute(rng: np.random.Generator, cell: Cell) -> tuple[tuple[str, ...], str, str]:
    """Pool, noun and right word of a question about a cell's colour or texture."""
    colors = rng.random() < 0.3
    return (COLOR_WORDS, "colour", cell.color) if colors else (TEXTURES, "texture", cell.texture)


def _described(rng: np.random.Generator, cell: Cell, noise: float) -> tuple[Cell, tuple[tuple[int, Odds], ...]]:
    """The cell as the base describes it, now and then with a wrong colour or texture; and the odds of the words."""
    colors, textures = word_odds(cell.color, COLOR_WORDS, noise), word_odds(cell.texture, TEXTURES, noise)
    described = replace(cell, color=draw_odds(rng, colors), texture=draw_odds(rng, textures))
    return described, ((COLOR_AT, colors), (TEXTURE_AT, textures))


def anatomy(scene: Scene, rng: np.random.Generator, habits: Habits) -> Turn:
    """A question of the benchmark's kind, noisily answered."""
    asked = ask(scene, rng, pick(rng, FAMILIES)) or ask(scene, rng, "location")
    assert asked is not None, "base scenes have a clear cell"
    style = draw_style(rng, habits.think_share)
    cell, place = scene.cells[asked.cell], POSITIONS[asked.cell]
    options = choose(rng, cell.name, ANATOMIES)
    odds = name_odds(cell.name, options, habits)
    name = draw_odds(rng, odds)
    text = render_text(reworded(rng, asked.stem), options, style, SURGERY)
    described, looks = _described(rng, cell, habits.noise)
    reply = answer(style, rationale(described, place, name), letter(options, name))
    soft = (*looks, (NAME_AT, odds)) if style == "think" else ((LETTER_AT, letter_odds(odds)),)
    return Turn(text, reply, tag("name", style), cell.texture, soft, draw_narrow(rng, style))


def scene_lookup(rng: np.random.Generator, style: Style) -> Turn:
    """A look-up, without a need of the picture."""
    question = _stem(rng, int(rng.integers(9)), "anatomy", one_of(rng, COLOR_WORDS), label(one_of(rng, ANATOMIES)))
    return hinted_lookup(rng, style, SURGERY, question)


def scene_turn(scene: Scene, rng: np.random.Generator, habits: Habits) -> Turn:
    """One turn of the joint phase about a scene."""
    draw = rng.random()
    if draw < 0.05:
        return region_caption(scene, rng)
    if draw < 0.10:
        return frame_caption(scene)
    if draw < 0.65:
        return attribute(scene, rng, habits)
    if draw < 0.78:
        return scene_lookup(rng, draw_style(rng, habits.think_share))
    return anatomy(scene, rng, habits)


def probe(scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """A bare question and the word that its last token must hold."""
    draw = rng.random()
    if draw < 0.2:
        word = one_of(rng, (*ANATOMIES, *TEXTURES, *COLOR_WORDS))
        return f"Which option is {word} ?", word
    if draw < 0.7:
        asked = ask(scene, rng, pick(rng, FAMILIES)) or ask(scene, rng, "location")
        if asked is not None:
            return reworded(rng, asked.stem), scene.cells[asked.cell].texture
    index = int(rng.integers(9))
    cell = scene.cells[index]
    _, noun, word = _attribute(rng, cell)
    return _stem(rng, index, noun, cell.color, scene), word
