"""What a question asks, as a value: two wordings are the same question exactly when their meanings are equal.

A question of SSG-VQA's kind is read into the object asked for and its relations to other objects. Any other question
(OmniMedVQA's free English) is read into what is asked for and its content words, in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.data.stems import Description

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
    return (
        f"its relations are {found} instead of {wanted}" if wanted != found else "a reference is described differently"
    )


def _difference_of_texts(right: Meaning, other: Meaning) -> str:
    if right.asks != other.asks:
        return f"it asks for {other.asks!r} instead of {right.asks!r}"
    lost = [word for word in right.words if word not in other.words]
    added = [word for word in other.words if word not in right.words]
    return f"content words lost: {lost}, added: {added}" if lost or added else "its content words are in another order"
