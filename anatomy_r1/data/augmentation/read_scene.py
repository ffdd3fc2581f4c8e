"""Reads a question about a surgical scene: SSG-VQA's grammar (anatomy_r1/data/stems.py), and English around it.

What is English here: other ways of asking ("Name the ...", "Can you identify the ..."), of naming a position
("in the lower middle of the picture") and of writing a label ("cystic plate"). Relations are SSG-VQA's own words only:
its "within" is container-like, so "inside" is not understood, and neither are "over", "under" or "beside".

Example:
    >>> found = read_scene_question("Name the white object that is to the left of the upper middle hook instrument.")
    >>> found.target.colour, found.relations[0][0], found.relations[0][1].place
    ('white', 'left', 'top-mid')

Ways of naming the nine cells of SSG-VQA's position grid, and back.

Example:
    >>> place_of("lower-center"), place_of("central lower"), place_of("left")
    ('bottom-mid', 'bottom-mid', '')
"""

from __future__ import annotations

import re
from dataclasses import replace

from anatomy_r1.data.augmentation.meaning import Meaning, Thing
from anatomy_r1.data.labels import COLOURS, COMPONENTS
from anatomy_r1.data.stems import RELATIONS

ROWS = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}
COLUMNS = {"left": "left", "left-hand": "left", "right": "right", "right-hand": "right"}
MIDDLES = frozenset({"mid", "middle", "center", "centre", "central"})
NOWHERE = "None"
"""Stands where a position should in 2 of the 3,000 released stems; it is kept as it is."""

_WORDS = (*ROWS, *COLUMNS, *MIDDLES, NOWHERE.lower())
PLACE = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
"""Pattern of one word of a position, in lower case."""
PLACE_PHRASE = rf"{PLACE}(?:[ -]{PLACE})?"
"""Pattern of a position; `place_of` decides whether it names one cell."""

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
    """SSG-VQA's name of the cell that a phrase names; empty when it names none, or more than one (`left`, `top`)."""
    joined = phrase.lower().replace("left-hand", "left").replace("right-hand", "right")
    words = joined.replace("-", " ").split()
    if words == [NOWHERE.lower()]:
        return NOWHERE
    if len(words) > 2 or not set(words) <= set(_WORDS):
        return ""
    rows = [ROWS[word] for word in words if word in ROWS]
    columns = [COLUMNS[word] for word in words if word in COLUMNS]
    middles = sum(word in MIDDLES for word in words)
    return _cell(rows, columns, middles) if len(rows) + len(columns) + middles == len(words) else ""


def _cell(rows: list[str], columns: list[str], middles: int) -> str:
    if len(rows) == 1 and len(columns) == 1:
        return f"{rows[0]}-{columns[0]}"
    if middles == 1 and len(rows) == 1:
        return f"{rows[0]}-mid"
    if middles == 1 and len(columns) == 1:
        return f"mid-{columns[0]}"
    return "center" if middles == 1 and not rows and not columns else ""


def own_words(place: str, turn: int) -> str:
    """One of our wordings of a position; `turn` counts round. A position that is none keeps its word."""
    words = OWN_WORDS.get(place, (place,))
    return words[turn % len(words)]


KINDS = {
    "anatomy": "anatomy",
    "anatomical structure": "anatomy",
    "anatomical structures": "anatomy",  # the paper's own example of a rewrite has the plural
    "instrument": "instrument",
    "object": "",
    "thing": "",
}
"""Noun -> class of what is asked for."""


def _any(words: object) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


MEDIUM = "(?:frame|image|picture|scene|view|photograph|photo)"
THE_MEDIUM = f"(?:the|this) {MEDIUM}"
_SPACED_LABEL = re.compile(rf"\b(?:{_any(label.replace('_', ' ') for label in COMPONENTS if '_' in label)})\b")
_NOUN = _any(KINDS)
# Word by word, so that there is one way only to match: a position of two words is put together later.
_THING = rf"(?:(?:{_any(COLOURS)}|{_any(COMPONENTS)}|{PLACE}(?:-{PLACE})?) )*(?:{_NOUN})"
_RELATION = f"(?:{_any(RELATIONS)})"
_ENDING = rf"(?: (?:shown |seen |visible )?in {THE_MEDIUM})?"
_POLITE = "(?:please |can you |could you )?"
_OPENING = rf"(?:(?:please )?look at {THE_MEDIUM}[.:,] |in {THE_MEDIUM}, )?"

# What stands after the thing asked for: nothing, where it is, or its relations.
_NOTHING = re.compile(_ENDING)
_WHERE = re.compile(
    r" ?(?:(?:that (?:is|are) |that can be |can be )?(?:located|found|visible|seen|shown|present|depicted) )?"
    rf"(?:at|in|on) the (?P<where>{PLACE_PHRASE})(?: (?:part|portion|region|area|corner))?(?: of {THE_MEDIUM})?"
)
_HOPS = re.compile(
    rf" ?(?:that is )?(?:both )?(?P<first>{_RELATION}) the (?P<a>{_THING})"
    rf"(?: and (?P<second>{_RELATION}) the (?P<b>{_THING}))?{_ENDING}"
)

# What stands before and after.
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
    """What a stem asks; None when it is no question of this grammar, or describes a thing by two colours or places."""
    text = _plain(stem)
    for form in (_WHICH_IS, _NAME_IT, _THERE_IS):
        if (found := form.fullmatch(text)) and (read := _read(found)):
            return read
    return None


def _plain(stem: str) -> str:
    """Lower case, single blanks, none before punctuation, no final punctuation, labels in their own spelling."""
    text = re.sub(r" (?=[?.,;:])", "", " ".join(stem.lower().split())).rstrip("?.! ")
    return _SPACED_LABEL.sub(lambda found: found[0].replace(" ", "_"), text)


def _read(found: re.Match[str]) -> Meaning | None:
    target = _thing(found["target"])
    asked_as = found.groupdict().get("noun")
    if target is None or (asked_as and KINDS[asked_as] != target.kind):
        return None
    rest = found["rest"]
    if where := _WHERE.fullmatch(rest):
        return _placed(target, where["where"])
    if hops := _HOPS.fullmatch(rest):
        return _related(target, hops)
    return Meaning("name", target) if _NOTHING.fullmatch(rest) and _may_end_here(found) else None


def _may_end_here(found: re.Match[str]) -> bool:
    """Whether a form asks something with nothing after the thing: "Which anatomy is in the image?" does not."""
    return found.re is not _WHICH_IS


def _placed(target: Thing, phrase: str) -> Meaning | None:
    place = place_of(phrase)
    if target.place or not place:
        return None
    return Meaning("name", replace(target, place=place))


def _related(target: Thing, hops: re.Match[str]) -> Meaning | None:
    pairs = [(hops["first"], _thing(hops["a"]))]
    if hops["second"]:
        pairs.append((hops["second"], _thing(hops["b"])))
    known = [(RELATIONS[relation], thing) for relation, thing in pairs if thing is not None]
    if len(known) < len(pairs):
        return None
    return Meaning("name", target, tuple(sorted(known, key=lambda pair: (pair[0], str(pair[1])))))


def _thing(text: str) -> Thing | None:
    """None when a thing has two colours, names or places, or a place that is no cell."""
    noun = next(noun for noun in sorted(KINDS, key=len, reverse=True) if text.endswith(noun))
    words = text.removesuffix(noun).split()
    colours = [word for word in words if word in COLOURS]
    names = [word for word in words if word in COMPONENTS]
    where = " ".join(word for word in words if word not in COLOURS and word not in COMPONENTS)
    place = place_of(where) if where else ""
    if len(colours) > 1 or len(names) > 1 or (where and not place):
        return None
    return Thing(place, "".join(colours), "".join(names), KINDS[noun], noun)
