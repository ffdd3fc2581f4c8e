"""The base's lessons about microscopy: as `lessons.py`, for one tissue that fills the field of view."""

from __future__ import annotations

import numpy as np

from anatomy_r1.mini.classes import MODALITY_TYPE, TEXTURES
from anatomy_r1.mini.lessons import (
    COLOR_WORDS,
    MICROSCOPY,
    MICROSCOPY_POOLS,
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
from anatomy_r1.mini.microscopy import (
    HEALTH_STEM,
    MODALITY,
    OTHER,
    POOLS,
    STEMS,
    Slide,
    choose,
    draw_record,
    draw_stem,
)
from anatomy_r1.prompts import render_text

KINDS = tuple(POOLS)
ATTRIBUTE_STEMS = ("Which {noun} is seen in this image ?", "What {noun} can be seen in this picture ?")


def slide_rationale(question_type: str, name: str) -> str:
    """What OmniMedVQA's fields support: modality, type of question, answer."""
    return f"{MODALITY_TYPE} : {question_type} , so {name}"


def slide_skeleton(rng: np.random.Generator) -> Turn:
    """Reasoning without a picture: the type follows from the question."""
    kind = one_of(rng, KINDS)
    word = one_of(rng, POOLS[kind])
    options = choose(rng, word, POOLS[kind])
    text = render_text(draw_stem(rng, kind), options, "think", MICROSCOPY)
    return Turn(text, answer("think", slide_rationale(kind, word), letter(options, word)), "skeletonT")


def _attribute(slide: Slide, rng: np.random.Generator) -> tuple[str, str, tuple[str, ...]]:
    """Stem, right word and pool of a question about the colour or the texture."""
    colors = rng.random() < 0.35
    noun, word, pool = ("colour", slide.color, COLOR_WORDS) if colors else ("texture", slide.texture, TEXTURES)
    return one_of(rng, ATTRIBUTE_STEMS).format(noun=noun), word, pool


def slide_attribute(slide: Slide, rng: np.random.Generator, habits: Habits) -> Turn:
    """A clean question about the colour or the texture."""
    style = draw_style(rng, habits.think_share)
    stem, word, pool = _attribute(slide, rng)
    options = choose(rng, word, pool)
    text = render_text(stem, options, style, MICROSCOPY)
    return Turn(text, answer(style, slide_rationale(OTHER, word), letter(options, word)), tag("slide", style), word)


def held_word(slide: Slide, question_type: str) -> str | None:
    """What the picture contributes to the answer: the colour for a stain, nothing for a modality, else the texture."""
    if question_type == MODALITY:
        return None
    return slide.color if question_type == OTHER else slide.texture


def slide_name(slide: Slide, rng: np.random.Generator, habits: Habits) -> Turn:
    """A question of the benchmark's kind, noisily answered."""
    record = draw_record(rng, slide)
    style = draw_style(rng, habits.think_share)
    name = noisy_name(rng, record.answer, record.options, habits.gain, habits.rare)
    text = render_text(record.stem, record.options, style, MICROSCOPY)
    reply = answer(style, slide_rationale(record.question_type, name), letter(record.options, name))
    return Turn(text, reply, tag("tissue", style), held_word(slide, record.question_type))


def slide_turn(slide: Slide, rng: np.random.Generator, habits: Habits) -> Turn:
    """One turn of the joint phase about a slide."""
    draw = rng.random()
    if draw < 0.05:
        return Turn("Describe the image .", f"{slide.color} {slide.texture}", "caption")
    if draw < 0.60:
        return slide_attribute(slide, rng, habits)
    if draw < 0.75:
        return lookup(rng, draw_style(rng, habits.think_share), MICROSCOPY)
    return slide_name(slide, rng, habits)


def slide_probe(slide: Slide, rng: np.random.Generator) -> tuple[str, str]:
    """A bare question and the word that its question mark must hold."""
    draw = rng.random()
    if draw < 0.2:
        word = one_of(rng, pick(rng, MICROSCOPY_POOLS))
        return f"Which option is {word} ?", word
    if draw < 0.5:
        stem, word, _ = _attribute(slide, rng)
        return stem, word
    if draw < 0.56:
        return HEALTH_STEM, slide.texture
    kind = pick(rng, tuple((kind, share) for kind, share in zip(KINDS, (0.42, 0.42, 0.0, 0.16), strict=True)))
    word = held_word(slide, kind) or slide.texture
    return one_of(rng, STEMS[kind]), word
