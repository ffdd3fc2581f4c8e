"""A question's options, as the lenient extractor looks them up in a text that was made plain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.lenient_text import clean

_EDGES = " \t\r\n.,:;!()[]{}<>\"'\u201c\u201d\u2018\u2019\u00ab\u00bb_\\\u3002"
"""What may stand around an answer and means nothing. Not `?`, which doubts, nor `~`, which may strike out."""
_LABEL = re.compile(r"(?:(?:option|choice|answer|letter) |the )", re.IGNORECASE)
_LETTER = re.compile(r"[A-Za-z]")
_LETTER_TEXT = re.compile(r"([A-Za-z])(?:[.):\]}]| )[ .):\]}(\[{\u2013\u2014-]*+(\S.*)", re.DOTALL)
_LIST = re.compile(r"\(?[A-Z]\)?(?: ?(?:,|/|;|&|\band\b|\bor\b) ?\(?[A-Z]\)?| \(?[A-Z]\)?)++")
# "A grasper": an article before a word names no option; "A." and "A is" at the end of a text do.
_NAMED_LETTER = re.compile(r"(?<!\w)(?:A(?!\w)(?! [a-z])|[B-H](?!\w))")


@dataclass(frozen=True)
class Shown:
    """Options in their plain form."""

    letters: str
    texts: tuple[str, ...]
    """Plain text of each option, in order."""
    pattern: re.Pattern[str] | None
    """Finds any option's text, the longest first; None where all are empty."""

    def plain(self, text: str) -> str:
        """Case, runs of white space and what stands around do not make another text."""
        return _trim(text).casefold()

    def read(self, text: str, *, lower: bool = True) -> str | None:
        """The option that the whole of `text` states, by letter, by text or by both; None where it is none or two.

        `lower`: whether a letter may be lower-case.
        """
        words = _trim(text)
        label = _LABEL.match(words)
        found = self._of(words, lower) | (self._of(_trim(words[label.end() :]), lower) if label else set())
        return next(iter(found)) if len(found) == 1 else None

    def _of(self, words: str, lower: bool) -> set[str]:
        found = {
            letter for letter, one in zip(self.letters, self.texts, strict=True) if one and one == words.casefold()
        }
        letter = words if _LETTER.fullmatch(words) and (lower or words.isupper()) else ""
        found |= {letter.upper()} & set(self.letters)
        if (both := _LETTER_TEXT.fullmatch(words)) and both[1].upper() in self.letters:
            own = self.texts[self.letters.index(both[1].upper())]
            found |= {both[1].upper()} if own and self.plain(both[2]) == own else set()
        return found

    def is_list(self, text: str) -> bool:
        """Whether the whole of `text` lists several of the letters."""
        words = _trim(text)
        return bool(_LIST.fullmatch(words)) and len(set(re.findall(r"[A-Z]", words)) & set(self.letters)) > 1

    def may_go_on(self, text: str) -> bool:
        """Whether `text`, cut off, is an option that begins a longer one, or a lower-case letter that may be prose."""
        begun = self.plain(text)
        longer = begun in self.texts and any(one.startswith(begun) and one != begun for one in self.texts)
        return longer or bool(re.fullmatch(r"[a-z]", _trim(text)))

    def named(self, text: str) -> set[str]:
        """Options that `text` names anywhere, by capital letter or by text."""
        lines = "\n".join(" ".join(line.split()) for line in text.split("\n"))  # no article ends a line
        letters = set(_NAMED_LETTER.findall(lines)) & set(self.letters)
        words = " ".join(lines.split())
        found = {match.group() for match in self.pattern.finditer(words.casefold())} if self.pattern else set()
        return letters | {letter for letter, one in zip(self.letters, self.texts, strict=True) if one in found}


@lru_cache(maxsize=4096)
def shown(options: tuple[str, ...]) -> Shown:
    """Options made plain, once a question."""
    texts = tuple(_trim(clean(option)).casefold() for option in options)
    return Shown(LETTERS[: len(options)], texts, _pattern(texts))


def _pattern(texts: Sequence[str]) -> re.Pattern[str] | None:
    known = sorted({text for text in texts if text}, key=lambda text: (-len(text), text))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)") if known else None


def _trim(text: str) -> str:
    return " ".join(text.split()).strip(_EDGES)
