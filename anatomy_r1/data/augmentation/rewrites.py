"""Phi: other wordings of a question, each read back by code to the same question.

Example:
    >>> "What is the bottom-mid anatomy?" in wordings("What anatomy is at the bottom-mid of the frame ?")
    True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from anatomy_r1.data.augmentation.free_wordings import free_forms
from anatomy_r1.data.augmentation.meaning import difference
from anatomy_r1.data.augmentation.read_free_text import meaning
from anatomy_r1.data.augmentation.scene_wordings import scene_forms
from anatomy_r1.question import Question

LEAST_FORMS = 4
"""Surface forms that every question must have, the original included (our choice)."""
MOST_CHARACTERS = 400
"""Longest wording that is accepted (our choice): the longest stem of both benchmarks has 163, of our wordings 190."""
_PLAIN = re.compile(r"[A-Za-z0-9 _\-',.;:?!()/&+%]+")
"""Characters of a question. No line break, bracket or pipe: a wording cannot add an option or a special token."""


@dataclass(frozen=True, slots=True)
class Wordings:
    """What became of the candidates for one stem."""

    accepted: tuple[str, ...]
    """Other wordings of the same question; the original is not among them."""
    rejected: tuple[tuple[str, str], ...]
    """Pairs of candidate and reason."""


def rewrites(question: Question) -> tuple[str, ...]:
    """The accepted other wordings of a question's stem, in a fixed order; options and answer are not touched."""
    return wordings(question.stem)


def wordings(stem: str) -> tuple[str, ...]:
    """As `rewrites`, for a stem."""
    return checked_wordings(stem).accepted


@lru_cache(maxsize=16384)
def checked_wordings(stem: str) -> Wordings:
    """Every candidate for a stem, accepted or rejected with the reason."""
    asked = meaning(stem)
    candidates = scene_forms(asked) if asked.target else free_forms(stem)
    return check(stem, [form for form in candidates if form != stem])


def check(stem: str, candidates: list[str]) -> Wordings:
    """Sorts candidates into accepted and rejected."""
    reasons = [(form, reason_against(stem, form)) for form in candidates]
    accepted = tuple(form for form, reason in reasons if not reason)
    return Wordings(accepted, tuple((form, reason) for form, reason in reasons if reason))


def reason_against(stem: str, form: str) -> str:
    """Why a wording is not the same question as a stem; empty when it is."""
    if not _PLAIN.fullmatch(form):
        return "it is empty or has a character that no question has"
    if len(form) > MOST_CHARACTERS:
        return f"it is longer than {MOST_CHARACTERS} characters"
    return difference(meaning(stem), meaning(form))
