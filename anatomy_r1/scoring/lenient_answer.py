"""The lenient extractor's verdict, and how the answers that one text states become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.scoring.cues import RETRACTION
from anatomy_r1.scoring.option_matcher import OptionMatcher

LenientReason = Literal[
    "strict", "whole", "tag", "boxed", "phrase", "line", "nothing", "unreadable", "hedged", "several", "contradicted"
]

LENIENT_PARSED: frozenset[str] = frozenset({"strict", "whole", "tag", "boxed", "phrase", "line"})
"""Reasons that come with a choice."""


@dataclass(frozen=True, slots=True)
class LenientAnswer:
    """What a completion appears to have chosen, and how it was read or why it was not."""

    choice: str | None
    """Letter of the option, or None if reading one would be a guess."""
    reason: LenientReason


NOTHING = LenientAnswer(None, "nothing")
UNREADABLE = LenientAnswer(None, "unreadable")
SEVERAL = LenientAnswer(None, "several")


@dataclass(frozen=True, slots=True)
class Found:
    """What one kind of statement says: each of them, and the text after the last one."""

    answers: Sequence[LenientAnswer] = ()
    after: str = ""
    blank: bool = False
    """Nothing but an announcement without an answer."""


def answer(text: str, reason: LenientReason, matcher: OptionMatcher) -> LenientAnswer:
    """What the whole of `text` states, found for this reason."""
    if choice := matcher.read(text):
        return LenientAnswer(choice, reason)
    return SEVERAL if matcher.is_list(text) else UNREADABLE


def agreed(found: Found, reason: LenientReason, matcher: OptionMatcher) -> LenientAnswer:
    """The one option that all answers state and that the text after them does not contradict."""
    choices = {one.choice for one in found.answers if one.choice}
    if len(choices) > 1:
        return SEVERAL
    failed = next((one for one in found.answers if one.choice is None), None)
    if failed or not choices:
        return failed or NOTHING
    (choice,) = choices
    contradicted = matcher.named(found.after) - {choice} or RETRACTION.search(found.after)
    return LenientAnswer(None, "contradicted") if contradicted else LenientAnswer(choice, reason)
