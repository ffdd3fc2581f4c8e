"""What the lenient extractor looks at: a completion made plain, without its reasoning, and taken apart at its tags.

A question's options, as the lenient extractor looks them up in a text that was made plain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from anatomy_r1.question import LETTERS

_UNSEEN = re.compile(
    "[\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufe00-\\ufe0f\\ufeff"
    "\\ufff9-\\ufffb\\U000e0001\\U000e0020-\\U000e007f\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f]"
)
"""Format and control characters, soft hyphens, joiners, marks of direction and variation: they show nothing."""
_EMPHASIS = str.maketrans("", "", "*`$")
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathit)\{([^{}]*)\}")
_LATEX_EDGES = re.compile(r"\\[()\[\]]")
_COLON_BREAK = re.compile(r":[ \t\r]*+\n\s*+")
# Possessive, so that a long run of white space is read once.
_THINK = re.compile(r"<\s*+(/?+)\s*+think\s*+>", re.IGNORECASE)
_ANSWER = re.compile(r"<\s*+(/?+)\s*+answer\s*+>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tagged:
    """What stands in answer tags, and what follows the last one."""

    stated: tuple[str, ...]
    """Contents of answer tags, in order."""
    after: str
    """Text after the last closed answer tag."""
    cut: bool
    """Whether the last content was never closed, so that it may have been going on."""


def clean(completion: str) -> str:
    """Full-width and styled letters become plain ones (NFKD); no unseen characters, emphasis marks or LaTeX dress.

    Letters that only look alike (Cyrillic, Greek) and combining marks (a struck-out letter) stay what they are. A colon
    carries over to the next line.
    """
    # One character at a time: normalising a text whole sorts its combining marks, in more than linear time.
    plain = {ord(one): unicodedata.normalize("NFKD", one) for one in set(completion) if not one.isascii()}
    seen = _UNSEEN.sub("", completion.translate(plain)).translate(_EMPHASIS)
    return _COLON_BREAK.sub(": ", _LATEX.sub(r"\1", _LATEX_EDGES.sub(" ", seen)))


def without_reasoning(text: str) -> str:
    """What stands outside `<think>...</think>`.

    Before a closing tag that nothing opened (a prompt may have) all is reasoning. An opening tag that nothing closes
    makes all the rest reasoning, unless that ends in its only answer tag: then the closing tag was forgotten.
    """
    kept: list[str] = []
    start, depth, opened = 0, 0, False
    for tag in _THINK.finditer(text):
        if not tag[1]:
            if depth == 0:
                kept.append(text[start : tag.start()])
                start = tag.end()
            depth, opened = depth + 1, True
        elif depth:
            depth -= 1
            start = tag.end() if depth == 0 else start
        else:
            kept.append(text[start : tag.start()])
            start = tag.end()
            if not opened:
                kept.clear()
    kept.append(_forgotten(text[start:]) if depth else text[start:])
    return " ".join(kept)


def _forgotten(text: str) -> str:
    tags = list(_ANSWER.finditer(text))
    ends = [tag[1] for tag in tags] == ["", "/"] and not text[tags[1].end() :].strip()
    return text[tags[0].start() :] if ends else ""


def answer_tags(text: str) -> Tagged | None:
    """The contents of answer tags, nested ones from within; None where there is no such tag.

    A closing tag that nothing opened closes what stands before it: a prompt may have opened it.
    """
    tags = list(_ANSWER.finditer(text))
    if not tags:
        return None
    stated: list[str] = []
    start, depth = 0, 0
    for number, tag in enumerate(tags):
        if depth or (tag[1] and number == 0):
            stated.append(text[start : tag.start()])
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        start = tag.end()
    rest = text[start:]
    cut = depth > 0 and bool(rest.strip())
    if cut:
        stated.append(rest)
    return Tagged(tuple(one for one in stated if one.strip()), "" if cut else rest, cut)


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
