"""Meanings, and questions about a surgical scene: read into a meaning, and written from it in other words.

Two wordings are the same question exactly when their meanings are equal. A question of SSG-VQA's kind is read into the
object asked for and its relations to other objects; any other (OmniMedVQA's free English, `free_text_questions.py`)
into what is asked for and its content words, in order.

Read are SSG-VQA's grammar (`anatomy_r1/data/stems.py`) and English around it: other ways of asking ("Name the ...",
"Can you identify the ..."), of naming a position ("in the lower middle of the picture") and of writing a label ("cystic
plate"). Relations are SSG-VQA's own words only: "left of", "to the left of" and "on the left side of" are synonyms.
Its "within" is container-like, so "inside" is not accepted, and neither are "over", "under" or "beside".

Written are SSG-VQA's own surface forms first (as in the authors' release, with "a object" and "?;"), then ours.

Example:
    >>> found = read_scene_question("Name the white object that is to the left of the upper middle hook instrument.")
    >>> found.target.colour, found.relations[0][0], found.relations[0][1].place
    ('white', 'left', 'top-mid')
    >>> write_scene_question(found)[0]
    'What is the name of the white object left of the top-mid hook instrument?'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from anatomy_r1.data.stems import COLOURS, COMPONENTS, RELATIONS, Description, alternatives

Asks = Literal["name", "what", "yes or no", "how", "other"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a question asks."""

    asks: Asks
    """`name` for SSG-VQA's questions; else the kind of answer that the free text asks for."""
    target: Description | None = None
    relations: tuple[tuple[str, Description], ...] = ()
    """Pairs of scene-graph relation and reference, sorted: `and` commutes."""
    words: tuple[str, ...] = ()
    """Content words of free text, in order."""


def normalized(stem: str) -> str:
    """A stem in lower case, with single blanks and none before punctuation."""
    return re.sub(r" (?=[?.,;:])", "", " ".join(stem.lower().split()))


def difference(right: Meaning, other: Meaning) -> str:
    """The first part in which `other` differs from `right`, in words; empty if they are equal."""
    if right == other:
        return ""
    if right.target is None:
        return _difference_of_texts(right, other)
    if other.target is None:
        return "it is outside the grammar of questions about a scene"
    for part in ("place", "colour", "name", "kind"):
        wanted, found = getattr(right.target, part), getattr(other.target, part)
        if wanted != found:
            return f"the {part} asked for is {found or 'not stated'!r} instead of {wanted or 'not stated'!r}"
    wanted, found = [relation for relation, _ in right.relations], [relation for relation, _ in other.relations]
    if wanted != found:
        return f"its relations are {found} instead of {wanted}"
    return "a reference is described differently"


def _difference_of_texts(right: Meaning, other: Meaning) -> str:
    if right.asks != other.asks:
        return f"it asks for {other.asks!r} instead of {right.asks!r}"
    lost = [word for word in right.words if word not in other.words]
    added = [word for word in other.words if word not in right.words]
    return f"content words lost: {lost}, added: {added}" if lost or added else "its content words are in another order"


# Positions: the nine cells of SSG-VQA's grid.

_PARTS = {
    **{"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"},
    **{"left": "left", "left-hand": "left", "right": "right", "right-hand": "right"},
    **dict.fromkeys(("mid", "middle", "center", "centre", "central"), "mid"),
}
"""Word of a position -> row or column."""
_CELLS = {
    tuple(sorted((row, column))): f"{row}-{column}"
    for row in ("top", "mid", "bottom")
    for column in ("left", "mid", "right")
    if row != column
} | {("mid",): "center"}
"""Row and column, sorted -> SSG-VQA's name of the cell."""
NOWHERE = "None"
"""In the place of a position in 2 of the 3,000 released stems; it is kept as it is."""
# Our wordings; the paper shows "lower-center" and "central lower portion" (section Group Diversity ... Augmentation).
OWN_WORDS: dict[str, tuple[str, ...]] = {
    "top-left": ("upper left", "upper-left", "top left"),
    "top-mid": ("upper middle", "upper-center", "top center"),
    "top-right": ("upper right", "upper-right", "top right"),
    "mid-left": ("middle left", "center-left", "left middle"),
    "center": ("middle", "centre", "center"),
    "mid-right": ("middle right", "center-right", "right middle"),
    "bottom-left": ("lower left", "lower-left", "bottom left"),
    "bottom-mid": ("lower middle", "lower-center", "bottom center"),
    "bottom-right": ("lower right", "lower-right", "bottom right"),
}


def place_of(phrase: str) -> str:
    """SSG-VQA's name of the cell that a phrase names; empty if it names none, or more than one (`left`, `top`).

    Example:
        >>> place_of("lower-center"), place_of("central lower"), place_of("left")
        ('bottom-mid', 'bottom-mid', '')
    """
    words = re.sub("(left|right)-hand", r"\1", phrase.lower()).replace("-", " ").split()
    if words == [NOWHERE.lower()]:
        return NOWHERE
    return _CELLS.get(tuple(sorted(_PARTS.get(word, "") for word in words)), "")


# Reading.

KINDS = {
    "anatomy": "anatomy",
    "anatomical structure": "anatomy",
    "anatomical structures": "anatomy",  # the paper's own example of a rewrite has the plural
    "instrument": "instrument",
    "object": "",
    "thing": "",
}
"""Noun -> kind of object asked for."""

_THE_MEDIUM = "(?:the|this) (?:frame|image|picture|scene|view|photograph|photo)"
_SPACED_LABEL = re.compile(rf"\b(?:{alternatives(label.replace('_', ' ') for label in COMPONENTS if '_' in label)})\b")
_PLACE = f"(?:{alternatives([*_PARTS, NOWHERE.lower()])})"
_NOUN = alternatives(KINDS)
# Word by word, so that there is only one way to match: a position of two words is put together later.
_THING = rf"(?:(?:{alternatives(COLOURS)}|{alternatives(COMPONENTS)}|{_PLACE}(?:-{_PLACE})?) )*(?:{_NOUN})"
_RELATION = f"(?:{alternatives(RELATIONS)})"
_ENDING = rf"(?: (?:shown |seen |visible )?in {_THE_MEDIUM})?"
_POLITE = "(?:please |can you |could you )?"
_OPENING = rf"(?:(?:please )?look at {_THE_MEDIUM}[.:,] |in {_THE_MEDIUM}, )?"

# What follows the object asked for: nothing, its position, or its relations.
_NOTHING = re.compile(_ENDING)
_WHERE = re.compile(
    r" ?(?:(?:that (?:is|are) |that can be |can be )?(?:located|found|visible|seen|shown|present|depicted) )?"
    rf"(?:at|in|on) the (?P<where>{_PLACE}(?:[ -]{_PLACE})?)"
    rf"(?: (?:part|portion|region|area|corner))?(?: of {_THE_MEDIUM})?"
)
_HOPS = re.compile(
    rf" ?(?:that is )?(?:both )?(?P<first>{_RELATION}) the (?P<a>{_THING})"
    rf"(?: and (?P<second>{_RELATION}) the (?P<b>{_THING}))?{_ENDING}"
)

# What comes before and after.
_WHICH_IS = re.compile(rf"{_OPENING}(?:what|which) (?P<target>{_THING})(?: is| are|(?= can be ))(?P<rest> .+)")
_NAME_IT = re.compile(
    rf"{_OPENING}(?:what (?:is|are) the name of|what name is|what (?:is|are)|what do you call"
    rf"|which (?P<noun>{_NOUN}) is|{_POLITE}(?:tell me|give|state) the name of|{_POLITE}(?:name|identify))"
    rf" the (?P<target>{_THING})(?P<rest>.*)"
)
_THERE_IS = re.compile(
    rf"{_OPENING}there is an? (?P<target>{_THING})(?P<rest>.*?)\??[;,.] what (?:is it|is its name|name is it)"
)


def read_scene_question(stem: str) -> Meaning | None:
    """What a stem asks; None if it is outside this grammar, or describes an object by two colours or positions."""
    text = normalized(stem).rstrip("?.! ")
    text = _SPACED_LABEL.sub(lambda found: found[0].replace(" ", "_"), text)
    for form in (_WHICH_IS, _NAME_IT, _THERE_IS):
        if (found := form.fullmatch(text)) and (asked := _read(found)):
            return asked
    return None


def _read(found: re.Match[str]) -> Meaning | None:
    target = _describe(found["target"])
    asked_as = found.groupdict().get("noun")
    if target is None or (asked_as and KINDS[asked_as] != target.kind):
        return None
    rest = found["rest"]
    if where := _WHERE.fullmatch(rest):
        place = place_of(where["where"])
        return Meaning("name", replace(target, place=place)) if place and not target.place else None
    if hops := _HOPS.fullmatch(rest):
        pairs = [(hops["first"], _describe(hops["a"]))]
        if hops["second"]:
            pairs.append((hops["second"], _describe(hops["b"])))
        known = [(RELATIONS[relation], reference) for relation, reference in pairs if reference is not None]
        relations = tuple(sorted(known, key=lambda pair: (pair[0], str(pair[1]))))
        return Meaning("name", target, relations) if len(known) == len(pairs) else None
    # "Which anatomy is in the image?" asks nothing.
    return Meaning("name", target) if _NOTHING.fullmatch(rest) and found.re is not _WHICH_IS else None


def _describe(text: str) -> Description | None:
    """None if an object has two colours, names or positions, or a position that is no cell."""
    noun = next(noun for noun in sorted(KINDS, key=len, reverse=True) if text.endswith(noun))
    words = text.removesuffix(noun).split()
    colours = [word for word in words if word in COLOURS]
    names = [word for word in words if word in COMPONENTS]
    where = " ".join(word for word in words if word not in COLOURS and word not in COMPONENTS)
    place = place_of(where) if where else ""
    if len(colours) > 1 or len(names) > 1 or (where and not place):
        return None
    return Description(place, "".join(colours), "".join(names), KINDS[noun], noun)


# Writing. Style 0 is native (SSG-VQA's words); each further style takes our next words for positions and relations.

_OWN_STYLES = 3
_SURFACES = {key: tuple(word for word, k in RELATIONS.items() if k == key) for key in RELATIONS.values()}

# {thing}: what is asked for; {bare}: the same without its position; {a}: article; {hops}: its relations.
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


def write_scene_question(asked: Meaning) -> tuple[str, ...]:
    """Wordings of a question that has a target, without repetitions; native ones first."""
    return tuple(dict.fromkeys(form for style in range(_OWN_STYLES + 1) for form in _write(asked, style)))


def _write(asked: Meaning, style: int) -> Iterator[str]:
    target = asked.target
    assert target is not None
    thing = _phrase(target, style)
    # SSG-VQA writes "a object"; our wordings do not.
    a = "an" if style and thing[0] in "aeiou" else "a"
    if asked.relations:
        native, own = _NATIVE_TWO_HOPS if len(asked.relations) > 1 else _NATIVE_ONE_HOP, _OWN_HOPS
        # `and` commutes, so every other style names the references in the opposite order.
        pairs = asked.relations if style % 2 else asked.relations[::-1]
        hops = " and ".join(f"{_surface(key, style)} the {_phrase(other, style)}" for key, other in pairs)
    else:
        native, own, hops = _NATIVE_ZERO_HOP, _OWN_ZERO_HOP, ""
    for form in native if style == 0 else (*native, *own):
        yield form.format(thing=thing, hops=hops, a=a)
    if target.place and not asked.relations:
        bare, place = _phrase(target, style, placed=False), _place(target, style)
        for form in _NATIVE_PLACE if style == 0 else _OWN_PLACE:
            yield form.format(bare=bare, place=place)


def _phrase(described: Description, style: int, *, placed: bool = True) -> str:
    """In SSG-VQA's order: colour, position, label, noun."""
    label = described.name if style == 0 else described.name.replace("_", " ")
    # `object` and `thing` are one kind, and alternate between styles.
    noun = described.kind or ("thing", "object")[(described.noun == "object") ^ (style % 2)]
    parts = (described.colour, _place(described, style) if placed else "", label, noun)
    return " ".join(part for part in parts if part)


def _place(described: Description, style: int) -> str:
    if style == 0:
        return described.place
    words = OWN_WORDS.get(described.place, (described.place,))
    return words[(style - 1) % len(words)]


def _surface(relation: str, style: int) -> str:
    words = _SURFACES[relation]
    return words[style % len(words)]
