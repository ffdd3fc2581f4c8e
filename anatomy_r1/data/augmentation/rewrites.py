"""Phi: rewrites of a question, each read back to the same meaning before it is accepted.

Example:
    >>> "What is the bottom-mid anatomy?" in rewrites("What anatomy is at the bottom-mid of the frame ?")
    True
    >>> meaning("What anatomy is at the bottom-mid of the frame ?") == meaning(
    ...     "Can you identify the anatomy present in the central lower portion of the picture?"
    ... )
    True
"""

from __future__ import annotations

import re
from functools import lru_cache

from anatomy_r1.data.augmentation.free_text_questions import read_free_text, reword_free_text
from anatomy_r1.data.augmentation.meaning import Meaning, difference
from anatomy_r1.data.augmentation.scene_questions import read_scene_question, write_scene_question

MOST_CHARACTERS = 400
"""Longest rewrite accepted (our choice). The longest stem of both benchmarks has 163, the longest rewrite 190."""
_PLAIN = re.compile(r"[A-Za-z0-9 _\-',.;:?!()/&+%]+")
"""Characters of a question. No line break, bracket or pipe: a rewrite cannot add an option or a special token."""


@lru_cache(maxsize=16384)
def rewrites(stem: str) -> tuple[str, ...]:
    """The accepted rewrites of a stem, in a fixed order; the stem is not among them.

    Every question of both benchmarks has at least three (our choice, tested).
    """
    return tuple(form for form in candidates(stem) if not reason_against(stem, form))


def candidates(stem: str) -> tuple[str, ...]:
    """Rewrites of a stem before the check."""
    asked = meaning(stem)
    forms = write_scene_question(asked) if asked.target else reword_free_text(stem)
    return tuple(form for form in forms if form != stem)


def reason_against(stem: str, form: str) -> str:
    """Why a rewrite is not the same question as a stem; empty if it is."""
    if not _PLAIN.fullmatch(form):
        return "it is empty or has a character that no question has"
    if len(form) > MOST_CHARACTERS:
        return f"it is longer than {MOST_CHARACTERS} characters"
    return difference(meaning(stem), meaning(form))


@lru_cache(maxsize=4096)
def meaning(stem: str) -> Meaning:
    """What a stem asks: read by SSG-VQA's grammar if it fits, else as free text."""
    return read_scene_question(stem) or read_free_text(stem)
