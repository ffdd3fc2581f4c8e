"""Stem of a question -> what it asks: the template family, the target's description, the relations to references.

The grammar is SSG-VQA's, as read off the 3,000 stems of the authors' release; each family has several surface forms
("What is the name of the ...?", "What name is the ...?", "There is a ...; what is it?").

Example:
    >>> stem = parse_stem("There is a white object below the yellow omentum object; what is it?")
    >>> stem.family, stem.form, stem.target.colour, stem.relations[0][0], stem.relations[0][1].name
    ('one_hop', 'there', 'white', 'below', 'omentum')
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.data.labels import COLOURS, COMPONENTS, PLACES

Family = Literal["location", "zero_hop", "one_hop", "single_and", "other"]
FAMILIES: tuple[Family, ...] = ("location", "zero_hop", "one_hop", "single_and")

# Surface form of a relation -> its key in a scene graph's `relationships`.
RELATIONS = {
    "above": "above",
    "below": "below",
    "left of": "left",
    "to the left of": "left",
    "on the left side of": "left",
    "right of": "right",
    "to the right of": "right",
    "on the right side of": "right",
    "within": "within",
    "horizontal": "horizontal",
    "vertical": "vertical",
    # The verbs of CholecT45's triplets in the passive; the release has the first two.
    "retracted by": "retract",
    "coagulated by": "coagulate",
    "grasped by": "grasp",
    "dissected by": "dissect",
    "clipped by": "clip",
    "cut by": "cut",
    "aspirated by": "aspirate",
    "irrigated by": "irrigate",
    "packed by": "pack",
}


@dataclass(frozen=True, slots=True)
class Description:
    """How a stem describes a thing; an empty field is not stated."""

    place: str = ""
    """One of the named positions, such as `top-mid`."""
    colour: str = ""
    name: str = ""
    """Label, such as `cystic_plate`."""
    kind: str = ""
    """`anatomy`, `instrument`, or empty for `object` and `thing`."""


@dataclass(frozen=True, slots=True)
class Stem:
    """What a stem asks."""

    family: Family
    form: Literal["what", "there"]
    """Surface: a plain question, or "There is ...; what is it?"."""
    target: Description
    relations: tuple[tuple[str, Description], ...] = ()
    """Pairs of scene-graph relation and reference: the target is `relation` of the reference."""


def _any(words: object) -> str:
    return "|".join(sorted((re.escape(str(w)) for w in words), key=len, reverse=True))  # type: ignore[attr-defined]


_WORD = _any([*COLOURS, *PLACES, *COMPONENTS])
_THING = rf"((?:the|a) (?:(?:{_WORD}) )*(?:anatomy|instrument|object|thing))"
_RELATION = rf"({_any(RELATIONS)})"
_LOCATION = re.compile(rf"What anatomy is at the ({_any(PLACES)}) of the frame ?\?")
_ZERO = re.compile(rf"(?:What is {_THING}\?|There is {_THING}, what is its name\?)")
_HOPS = re.compile(
    rf"(?:What is the name of|What name is|There is) {_THING}(?: that is)?(?: both)? {_RELATION} {_THING}"
    rf"(?: and {_RELATION} {_THING})?(?:\?|; what is it\?|\?; what is its name\?|\?; what name is it\?)"
)


def parse_stem(text: str) -> Stem:
    """What a stem asks; family `other` with an empty target when the grammar does not know it."""
    form: Literal["what", "there"] = "there" if text.startswith("There is") else "what"
    if found := _LOCATION.fullmatch(text):
        return Stem("location", form, Description(place=found[1], kind="anatomy"))
    if found := _ZERO.fullmatch(text):
        return Stem("zero_hop", form, _describe(found[1] or found[2]))
    if found := _HOPS.fullmatch(text):
        target, first, a, second, b = found.groups()
        pairs = [(first, a), (second, b)] if second else [(first, a)]
        relations = tuple((RELATIONS[word], _describe(thing)) for word, thing in pairs)
        return Stem("single_and" if second else "one_hop", form, _describe(target), relations)
    return Stem("other", form, Description())


def family(text: str) -> Family:
    """Template family of a stem."""
    return parse_stem(text).family


def _describe(text: str) -> Description:
    words = text.split()
    return Description(
        place=next((w for w in words if w in PLACES), ""),
        colour=next((w for w in words if w in COLOURS), ""),
        name=next((w for w in words if w in COMPONENTS), ""),
        kind=words[-1] if words[-1] in ("anatomy", "instrument") else "",
    )
