"""What a question asks, as a value: two wordings are the same question exactly when their meanings are equal.

A stem of SSG-VQA's kind is read into the thing asked for and its relations to other things. Anything else (OmniMedVQA's
free English) is read into what is asked for and its content words, in order: determiners, copulas, words for "shown"
and for "image" carry nothing, and every other word counts, so a wording that adds, drops or moves one is another
question. `anatomy_r1.data.augmentation.read_free_text.meaning` does the reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Asks = Literal["name", "what", "yes or no", "how", "other"]


@dataclass(frozen=True, slots=True)
class Thing:
    """How a question describes something in the picture; an empty field is not stated."""

    place: str = ""
    """SSG-VQA's name of a position, such as `top-mid`."""
    colour: str = ""
    name: str = ""
    """Label, such as `cystic_plate`."""
    kind: str = ""
    """`anatomy`, `instrument`, or empty for `object` and `thing`, which SSG-VQA uses alike."""
    noun: str = field(default="thing", compare=False)
    """The noun that was used: wording, not meaning."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a question asks."""

    asks: Asks
    """`name` for SSG-VQA's questions; else what kind of answer free text wants."""
    target: Thing | None = None
    relations: tuple[tuple[str, Thing], ...] = ()
    """Pairs of scene-graph relation and reference, sorted: `and` commutes."""
    words: tuple[str, ...] = ()
    """Content words of free text, in order."""


def difference(right: Meaning, other: Meaning) -> str:
    """Names the first part in which `other` differs; empty when they are equal."""
    if right == other:
        return ""
    if right.target is None or other.target is None:
        return _difference_of_texts(right, other)
    for part in ("place", "colour", "name", "kind"):
        wanted, found = getattr(right.target, part), getattr(other.target, part)
        if wanted != found:
            return f"the {part} asked for is {found or 'not stated'!r} instead of {wanted or 'not stated'!r}"
    return _difference_of_relations(right, other)


def _difference_of_relations(right: Meaning, other: Meaning) -> str:
    wanted, found = [r for r, _ in right.relations], [r for r, _ in other.relations]
    if wanted != found:
        return f"its relations are {found} instead of {wanted}"
    return "a reference is described differently"


def _difference_of_texts(right: Meaning, other: Meaning) -> str:
    if right.target is not None:
        return "it is outside the grammar of questions about a scene"
    if right.asks != other.asks:
        return f"it asks for {other.asks!r} instead of {right.asks!r}"
    lost = [word for word in right.words if word not in other.words]
    added = [word for word in other.words if word not in right.words]
    return (
        f"content words lost: {lost}, added: {added}" if lost or added else "its content words stand in another order"
    )
