"""The language of SSG-VQA: its labels, and a parser of its stems (family, target, relations to reference objects).

The grammar was read off the 3,000 stems of the authors' release. Each family has several surface forms ("What is the
name of the ...?", "What name is the ...?", "There is a ...; what is it?").

Example:
    >>> stem = parse_stem("There is a white object below the yellow omentum object; what is it?")
    >>> stem.family, stem.form, stem.target.colour, stem.relations[0][0], stem.relations[0][1].name
    ('one_hop', 'there', 'white', 'below', 'omentum')
    >>> display("abdominal_wall_cavity")
    'Abdominal Wall Cavity'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

# The anatomies among SSG-VQA's 51 labels.
ANATOMIES = (
    "abdominal_wall_cavity", "blood_vessel", "cystic_artery", "cystic_duct", "cystic_pedicle", "cystic_plate",
    "gallbladder", "gut", "liver", "omentum", "peritoneum",
)  # fmt: skip
# The six that the authors' release uses, in all 3,000 records (as answer and as option).
SIX = ("abdominal_wall_cavity", "cystic_plate", "gallbladder", "gut", "liver", "omentum")
# The other labels among the 51 that name an object in the frame; they occur as answers of query_component.
NOT_ANATOMIES = (
    "adhesion", "bipolar", "clipper", "fluid", "grasper", "hook", "irrigator", "scissors", "specimen_bag",
    "specimenbag",
)  # fmt: skip
COMPONENTS = frozenset(ANATOMIES + NOT_ANATOMIES)
COLOURS = ("blue", "brown", "red", "silver", "white", "yellow")  # the colours among the 51 labels
PLACES = (
    "top-left", "top-mid", "top-right",
    "mid-left", "center", "mid-right",
    "bottom-left", "bottom-mid", "bottom-right",
    "None",  # occurs: 2 of the 3,000 released stems ask "at the None of the frame"
)  # fmt: skip
# Colour that stems give a structure. Inferred: read off the 3,000 released stems ("the red gut anatomy"), where every
# label has a single colour. Real scene graphs need not state a colour; generated ones do, and theirs is used.
COLOUR_OF = {
    "abdominal_wall_cavity": "red", "bipolar": "blue", "clipper": "silver", "cystic_duct": "red",
    "cystic_plate": "red", "gallbladder": "white", "grasper": "silver", "gut": "red", "hook": "white",
    "irrigator": "silver", "liver": "brown", "omentum": "yellow", "scissors": "silver", "specimenbag": "white",
}  # fmt: skip


def label(shown: str) -> str:
    """Inverse of `display`."""
    return "_".join(shown.lower().split())


def component(stated: str) -> str:
    """The label that is stated but for case, blanks, hyphens and underscores; other texts in a label's form."""
    found = "_".join(re.split(r"[\s_-]+", stated.strip().lower()))
    return found if found in COMPONENTS else _SOLID.get(found.replace("_", ""), found)


_SOLID = {name.replace("_", ""): name for name in sorted(COMPONENTS)}


def place(stated: str) -> str:
    """The position that is stated but for case, blanks and underscores; other texts in a position's form."""
    found = "-".join(re.split(r"[\s_-]+", stated.strip().lower()))
    return _PLACE_OF.get(found, found)


_PLACE_OF = {name.lower(): name for name in PLACES}


def display(label: str) -> str:
    """A label as an option in the release."""
    return " ".join(word.capitalize() for word in label.split("_"))


StemFamily = Literal["location", "zero_hop", "one_hop", "single_and", "other"]
FAMILIES: tuple[StemFamily, ...] = ("location", "zero_hop", "one_hop", "single_and")

# Surface form of a relation -> its key in a scene graph's `relationships`.
RELATIONS = {
    "above": "above", "below": "below", "within": "within", "horizontal": "horizontal", "vertical": "vertical",
    "left of": "left", "to the left of": "left", "on the left side of": "left",
    "right of": "right", "to the right of": "right", "on the right side of": "right",
    # The verbs of CholecT45's triplets in the passive; the release has the first two.
    "retracted by": "retract", "coagulated by": "coagulate", "grasped by": "grasp", "dissected by": "dissect",
    "clipped by": "clip", "cut by": "cut", "aspirated by": "aspirate", "irrigated by": "irrigate", "packed by": "pack",
}  # fmt: skip


def relation(stated: str) -> str:
    """The key of a relation that a scene graph states as `Left`, `left_of` or the like; other texts in a key's form."""
    found = " ".join(re.split(r"[\s_-]+", stated.strip().lower()))
    return RELATIONS.get(found, found)


@dataclass(frozen=True, slots=True)
class Description:
    """How a question describes an object in the frame; an empty field is not stated."""

    place: str = ""
    """SSG-VQA's name of a position, such as `top-mid`."""
    colour: str = ""
    name: str = ""
    """Label, such as `cystic_plate`."""
    kind: str = ""
    """`anatomy`, `instrument`, or empty for `object` and `thing`, which SSG-VQA uses alike."""
    noun: str = field(default="thing", compare=False)
    """The noun used: wording, not meaning."""


@dataclass(frozen=True, slots=True)
class ParsedStem:
    """What a stem asks."""

    family: StemFamily
    form: Literal["what", "there"]
    """Surface form: a plain question, or "There is ...; what is it?"."""
    target: Description
    relations: tuple[tuple[str, Description], ...] = ()
    """Pairs of scene-graph relation and reference: the target is `relation` of the reference."""


def alternatives(words: Iterable[str]) -> str:
    """Pattern that matches any of the words, longer ones first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_WORD = alternatives([*COLOURS, *PLACES, *COMPONENTS])
_THING = rf"((?:the|a) (?:(?:{_WORD}) )*(?:anatomy|instrument|object|thing))"
_RELATION = rf"({alternatives(RELATIONS)})"
_LOCATION = re.compile(rf"What anatomy is at the ({alternatives(PLACES)}) of the frame\?", re.IGNORECASE)
_ZERO = re.compile(rf"(?:What is {_THING}\?|There is {_THING}, what is its name\?)", re.IGNORECASE)
_HOPS = re.compile(
    rf"(?:What is the name of|What name is|There is) {_THING}(?: that is)?(?: both)? {_RELATION} {_THING}"
    rf"(?: and {_RELATION} {_THING})?(?:\?|; what is it\?|\?; what is its name\?|\?; what name is it\?)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """A stem without what is only spelling: case, and blanks that are doubled or before a mark."""
    return re.sub(r" (?=[?;,])", "", " ".join(text.split())).lower()


def parse_stem(text: str) -> ParsedStem:
    """What a stem asks, spelling aside; family `other` with an empty target if the grammar does not cover it."""
    text = plain(text)
    form: Literal["what", "there"] = "there" if text.startswith("there is") else "what"
    if found := _LOCATION.fullmatch(text):
        return ParsedStem("location", form, Description(place=place(found[1]), kind="anatomy"))
    if found := _ZERO.fullmatch(text):
        return ParsedStem("zero_hop", form, _describe(found[1] or found[2]))
    if found := _HOPS.fullmatch(text):
        target, first, a, second, b = found.groups()
        pairs = [(first, a), (second, b)] if second else [(first, a)]
        relations = tuple((RELATIONS[word], _describe(thing)) for word, thing in pairs)
        return ParsedStem("single_and" if second else "one_hop", form, _describe(target), relations)
    return ParsedStem("other", form, Description())


def _describe(text: str) -> Description:
    words = text.split()
    return Description(
        place=next((_PLACE_OF[w] for w in words if w in _PLACE_OF), ""),
        colour=next((w for w in words if w in COLOURS), ""),
        name=next((w for w in words if w in COMPONENTS), ""),
        kind=words[-1] if words[-1] in ("anatomy", "instrument") else "",
        noun=words[-1],
    )
