"""Lessons about microscopy of the recipe `worded`: as `worded_scene_lessons.py`, for one tissue that fills the view."""

from __future__ import annotations

import numpy as np

from anatomy_r1.mini.classes import TEXTURES
from anatomy_r1.mini.lessons import (
    COLOR_WORDS,
    LETTER_AT,
    MICROSCOPY,
    MICROSCOPY_POOLS,
    Habits,
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
)
from anatomy_r1.mini.microscopy import HEALTH_STEM, OTHER, POOLS, STEMS, Slide, choose, draw_record, draw_stem
from anatomy_r1.mini.phrasing import reworded
from anatomy_r1.mini.slide_lessons import KINDS, held_word, slide_rationale
from anatomy_r1.prompts import Style, render_text

ATTRIBUTE_STEMS = ("Which {noun} is seen in this image?", "What {noun} can be seen in this picture?")
NAME_AT = 6
"""Place in the tokens of `<think> modality : type , so name letter </think> ...`."""


def slide_skeleton(rng: np.random.Generator) -> Turn:
    """Reasoning without a picture: the type follows from the question."""
    kind = one_of(rng, KINDS)
    word = one_of(rng, POOLS[kind])
    options = choose(rng, word, POOLS[kind])
    text = render_text(reworded(rng, draw_stem(rng, kind)), options, "think", MICROSCOPY)
    return Turn(text, answer("think", slide_rationale(kind, word), letter(options, word)), "skeletonT")


def _attribute(slide: Slide, rng: np.random.Generator) -> tuple[str, str, tuple[str, ...]]:
    """Stem, right word and pool of a question about the colour or the texture."""
    colors = rng.random() < 0.3
    noun, word, pool = ("colour", slide.color, COLOR_WORDS) if colors else ("texture", slide.texture, TEXTURES)
    return reworded(rng, one_of(rng, ATTRIBUTE_STEMS).format(noun=noun)), word, pool


def slide_attribute(slide: Slide, rng: np.random.Generator, habits: Habits) -> Turn:
    """A clean question about the colour or the texture."""
    style = draw_style(rng, habits.think_share)
    stem, word, pool = _attribute(slide, rng)
    options = choose(rng, word, pool)
    text = render_text(stem, options, style, MICROSCOPY)
    mark = letter(options, word)
    reply = answer(style, slide_rationale(OTHER, word), mark)
    return Turn(text, reply, tag("slide", style), word, certain(style, mark), draw_narrow(rng, style))


def slide_name(slide: Slide, rng: np.random.Generator, habits: Habits) -> Turn:
    """A question of the benchmark's kind, noisily answered."""
    record = draw_record(rng, slide)
    style = draw_style(rng, habits.think_share)
    odds = name_odds(record.answer, record.options, habits)
    name = draw_odds(rng, odds)
    text = render_text(reworded(rng, record.stem), record.options, style, MICROSCOPY)
    reply = answer(style, slide_rationale(record.question_type, name), letter(record.options, name))
    soft = ((NAME_AT, odds),) if style == "think" else ((LETTER_AT, letter_odds(odds)),)
    held = held_word(slide, record.question_type)
    return Turn(text, reply, tag("tissue", style), held, soft, held is not None and draw_narrow(rng, style))


def slide_lookup(rng: np.random.Generator, style: Style) -> Turn:
    """A look-up, without a need of the picture."""
    stem = HEALTH_STEM if rng.random() < 0.1 else draw_stem(rng, one_of(rng, KINDS))
    return hinted_lookup(rng, style, MICROSCOPY, reworded(rng, stem))


def slide_turn(slide: Slide, rng: np.random.Generator, habits: Habits) -> Turn:
    """One turn of the joint phase about a slide."""
    draw = rng.random()
    if draw < 0.05:
        return Turn("Describe the image .", f"{slide.color} {slide.texture}", "caption")
    if draw < 0.60:
        return slide_attribute(slide, rng, habits)
    if draw < 0.70:
        return slide_lookup(rng, draw_style(rng, habits.think_share))
    return slide_name(slide, rng, habits)


def slide_probe(slide: Slide, rng: np.random.Generator) -> tuple[str, str]:
    """A bare question and the word that its last token must hold."""
    draw = rng.random()
    if draw < 0.2:
        word = one_of(rng, pick(rng, MICROSCOPY_POOLS))
        return f"Which option is {word} ?", word
    if draw < 0.5:
        stem, word, _ = _attribute(slide, rng)
        return stem, word
    if draw < 0.56:
        return reworded(rng, HEALTH_STEM), slide.texture
    kind = pick(rng, tuple((kind, share) for kind, share in zip(KINDS, (0.42, 0.42, 0.0, 0.16), strict=True)))
    return reworded(rng, one_of(rng, STEMS[kind])), held_word(slide, kind) or slide.texture
