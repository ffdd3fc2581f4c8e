"""Reads a question in free English, OmniMedVQA's kind, into what is asked for and its content words.

Conservative on purpose: only the few words listed here carry nothing or stand for one another; any other difference
makes another question. So "head" for "tail", "cells" for "tissue", a lost "not" or "abnormal", and a changed order are
all seen.

Example:
    >>> read_free_text("Please name the cell type visible in this picture.").words
    ('cell', 'type')

Stem -> meaning: the acceptance check of every rewrite.

Example:
    >>> meaning("What anatomy is at the bottom-mid of the frame ?") == meaning(
    ...     "Can you identify the anatomy present in the central lower portion of the picture?"
    ... )
    True
"""

from __future__ import annotations

import re
from functools import lru_cache

from anatomy_r1.data.augmentation.meaning import Asks, Meaning
from anatomy_r1.data.augmentation.read_scene import read_scene_question

_MEDIUM = "(?:image|picture|photograph|photo)"
_GIVEN = "(?:provided|given|supplied|shown|displayed|depicted|presented)"
_THE_MEDIUM = rf"(?:the|this) (?:{_GIVEN} )?{_MEDIUM}(?: {_GIVEN})?"
_IN_THE_MEDIUM = re.compile(rf"\b(?:in|within) {_THE_MEDIUM}\b(?!')")

# Words that carry nothing: determiners, copulas, words for "can be seen" and for the picture itself.
_CARRIERS = frozenset(
    re.findall(
        r"\w+",
        """
        a an the this that is are was were be been being can could do does did there you
        shown show shows seen see visible depicted depict depicts displayed display observed observe
        illustrated illustrate portrayed portray presented present featured pictured evident found identified
        provided given supplied image picture photograph photo
        """,
    )
)
# Words that stand for another: how a picture was made, and two words for a class.
_SAME = {
    "employed": "used", "utilized": "used", "obtain": "capture", "acquire": "capture", "obtaining": "capturing",
    "acquiring": "capturing", "kind": "type", "kinds": "types", "reveals": "reveal", "represents": "represent",
}  # fmt: skip

_COMMAND = r"(?:please |can you |could you )?(?:please )?"
_LOOK = re.compile(rf"(?:please )?look at {_THE_MEDIUM}[.:,] |in {_THE_MEDIUM}, ")
_WHETHER = re.compile(rf"{_COMMAND}(?:tell me|tell|say|state) (?:whether|if) ")
_TELL = re.compile(rf"{_COMMAND}(?:tell me|say|state|name|identify|give)(?::|,)? ")
_LEADS: dict[str, Asks] = {
    "what": "what", "which": "what", "how": "how", "is": "yes or no", "are": "yes or no", "was": "yes or no",
    "does": "yes or no", "do": "yes or no", "can": "yes or no", "could": "yes or no",
}  # fmt: skip


def read_free_text(stem: str) -> Meaning:
    """What a stem asks for, and its content words in order."""
    asks, text = _asked(_plain(stem))
    text = _IN_THE_MEDIUM.sub(" ", text)
    words = re.findall(r"[a-z0-9'_-]+|[^\sa-z0-9'_.,;:?-]", text)
    return Meaning(asks, words=tuple(_SAME.get(word, word) for word in words if word not in _CARRIERS))


def _plain(stem: str) -> str:
    text = " ".join(stem.lower().split()).replace("visual representation", "image")
    return re.sub(r" (?=[?.,;:])", "", text)


def _asked(text: str) -> tuple[Asks, str]:
    """What is asked for, and the text without the words that say so."""
    if look := _LOOK.match(text):
        text = text[look.end() :]
    if whether := _WHETHER.match(text):
        return "yes or no", text[whether.end() :]
    told = _TELL.match(text)
    if told:
        text = text[told.end() :]
    lead, _, rest = text.partition(" ")
    if lead in _LEADS:
        return _LEADS[lead], rest
    asks, text = _question_word_within(text)
    return ("what" if told else asks), text


def _question_word_within(text: str) -> tuple[Asks, str]:
    """As in "Through which technique was ...": the words before the question word stay, they count."""
    if found := re.search(r"\b(?:what|which) ", text):
        return "what", text[: found.start()] + text[found.end() :]
    return "other", text


@lru_cache(maxsize=4096)
def meaning(stem: str) -> Meaning:
    """What a stem asks: read by SSG-VQA's grammar where that fits, else as free text."""
    return read_scene_question(stem) or read_free_text(stem)
