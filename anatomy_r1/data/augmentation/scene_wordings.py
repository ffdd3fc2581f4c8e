"""Wordings of a question about a surgical scene, written from its meaning.

First SSG-VQA's own surface forms (they occur in the authors' release, "a object" and "?;" included), then ours. Ours
keep every relation in SSG-VQA's words: "left of", "to the left of" and "on the left side of" stand for one another
there, "within" has no synonym.
"""

from __future__ import annotations

from collections.abc import Iterator

from anatomy_r1.data.augmentation.meaning import Meaning, Thing
from anatomy_r1.data.augmentation.read_scene import own_words
from anatomy_r1.data.stems import RELATIONS

_OWN_STYLES = 3
"""Rounds of our wordings; each takes the next words for positions and relations."""
_SURFACES = {key: tuple(word for word, k in RELATIONS.items() if k == key) for key in RELATIONS.values()}

# {thing}: what is asked for; {bare}: the same without its place; {a}: article; {hops}: its relations.
_NATIVE_ONE_HOP = (
    "What is the name of the {thing} {hops}?",
    "What is the name of the {thing} that is {hops}?",
    "There is {a} {thing} {hops}; what is it?",
    "There is {a} {thing} that is {hops}; what is it?",
)
_NATIVE_TWO_HOPS = tuple(
    form.replace("{hops}", hops)
    for form in (
        "What is the name of the {thing} that is {hops}?",
        "What name is the {thing} that is {hops}?",
        "There is {a} {thing} that is {hops}?; what is its name?",
        "There is {a} {thing} that is {hops}?; what name is it?",
    )
    for hops in ("{hops}", "both {hops}")
)
_OWN_HOPS = (
    "Which {thing} is {hops}?",
    "Name the {thing} that is {hops}.",
    "Please identify the {thing} that is {hops}.",
    "Can you name the {thing} that is {hops}?",
    "Look at the image. What is the {thing} that is {hops}?",
)
_NATIVE_ZERO_HOP = ("What is the {thing}?", "There is {a} {thing}, what is its name?")
_OWN_ZERO_HOP = (
    "What is the name of the {thing}?",
    "Name the {thing} in this image.",
    "Please identify the {thing}.",
    "Can you name the {thing} shown in the picture?",
    "Look at the image. What name is the {thing}?",
)
_NATIVE_PLACE = ("What {bare} is at the {place} of the frame ?",)
_OWN_PLACE = (
    "Which {bare} is at the {place} of the frame?",
    "What is the {bare} in the {place} part of the picture?",
    "Which {bare} can be seen in the {place} part of the image?",
    "Can you identify the {bare} in the {place} part of the picture?",
    "Name the {bare} located at the {place} of the image.",
)


def scene_forms(asked: Meaning) -> tuple[str, ...]:
    """Wordings of a question that has a target, without repetitions; native ones first."""
    write = _with_relations if asked.relations else _without_relations
    return tuple(dict.fromkeys(form for style in range(_OWN_STYLES + 1) for form in write(asked, style)))


def _with_relations(asked: Meaning, style: int) -> Iterator[str]:
    native = _NATIVE_TWO_HOPS if len(asked.relations) > 1 else _NATIVE_ONE_HOP
    assert asked.target is not None
    thing = _phrase(asked.target, style)
    # `and` commutes, so every other style names the references the other way round.
    pairs = asked.relations if style % 2 else asked.relations[::-1]
    hops = " and ".join(f"{_surface(key, style)} the {_phrase(other, style)}" for key, other in pairs)
    for form in native if style == 0 else (*native, *_OWN_HOPS):
        yield form.format(thing=thing, hops=hops, a=_article(thing, style))


def _without_relations(asked: Meaning, style: int) -> Iterator[str]:
    assert asked.target is not None
    thing = _phrase(asked.target, style)
    for form in _NATIVE_ZERO_HOP if style == 0 else (*_NATIVE_ZERO_HOP, *_OWN_ZERO_HOP):
        yield form.format(thing=thing, a=_article(thing, style))
    if asked.target.place:
        bare, place = _phrase(asked.target, style, placed=False), _place(asked.target, style)
        for form in _NATIVE_PLACE if style == 0 else _OWN_PLACE:
            yield form.format(bare=bare, place=place)


def _phrase(thing: Thing, style: int, *, placed: bool = True) -> str:
    """SSG-VQA's order: colour, position, label, noun. Style 0 is native, the others are ours."""
    label = thing.name if style == 0 else thing.name.replace("_", " ")
    parts = (thing.colour, _place(thing, style) if placed else "", label, _noun(thing, style))
    return " ".join(part for part in parts if part)


def _article(phrase: str, style: int) -> str:
    """SSG-VQA writes "a object"; our wordings do not."""
    return "an" if style and phrase[0] in "aeiou" else "a"


def _place(thing: Thing, style: int) -> str:
    return thing.place if style == 0 or not thing.place else own_words(thing.place, style - 1)


def _noun(thing: Thing, style: int) -> str:
    """`object` and `thing` are one class, and change places in every other style."""
    return thing.kind or ("thing", "object")[(thing.noun == "object") ^ (style % 2)]


def _surface(relation: str, style: int) -> str:
    words = _SURFACES[relation]
    return words[style % len(words)]
