"""Matches plain text against the options of one question, for the lenient extractor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.plain_text import decompose, normalize

_EDGES = (
    " \t\r\n.,:;!()[]{}<>\"'\u201c\u201d\u2018\u2019\u00ab\u00bb_\\"
    "\u3001\u3002\u300a\u300b\u300c\u300d\u300e\u300f\u3010\u3011"
)
"""Characters around an answer that carry no meaning. Not `?`, which expresses doubt, nor `~`, which may strike out."""
_LABEL = re.compile(
    decompose(
        r"(?:\d{1,2}[.):]?+ (?=\(?[A-Z][.):] ))?+(?:(?:the|la|le|el|il|die|der|das) )?+(?:final )?+"
        r"(?:(?:option|choice|answer|letter|Antwort|Buchstabe|réponse|lettre|respuesta|opción|letra"
        r"|resposta|opção|risposta|opzione|lettera|вариант) "
        r"|(?:选项|選項|選択肢|선택지) ?)?+"
    ),
    re.IGNORECASE,
)
"""What may stand before the letter or the text of an option; also the number of an item of the prompt."""
_PARTICLE = re.compile(decompose(r" ?(?:입니다|이다|번|です|である|だ|选?项|選?項)+$"))
"""What Korean, Japanese and Chinese sentences put after the answer: "is", "number", "option"."""
_LETTER = re.compile(r"[A-Za-z]")
_LETTER_AND_TEXT = re.compile(r"([A-Za-z])(?:[.):\]}\u3001]| )[ .):\]}(\[{\u3001\u2013\u2014-]*+(\S.*)", re.DOTALL)
_TEXT_AND_LETTER = re.compile(r"(.*[^\s,:(\[\u2013\u2014-])[\s,:(\[\u2013\u2014-]++([A-Z])", re.DOTALL)
_LIST = re.compile(r"\(?[A-Z]\)?(?: ?(?:,|/|;|&|\u3001|\band\b|\bor\b) ?\(?[A-Z]\)?| \(?[A-Z]\)?)++")
_IDEOGRAPHS = "\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Scripts that put no space between words (or, as Korean, none before particles)."""
_WORD = rf"[^\W{_IDEOGRAPHS}]"
# "A grasper": an article before a word names no option. "A.", a final "A" and one within a sentence do.
_NAMED_LETTER = re.compile(rf"(?<!{_WORD})(?:A(?!{_WORD})(?:(?! [a-z])|(?<=[a-z,;:] A))|[B-H](?!{_WORD}))")
_JOINT = re.compile(r"(?<=[^\W\d])[\s_-]+(?=\w)|(?<=\d)[\s_-]+(?=[^\W\d])")
"""What separates the words of an option: not between two numbers, nor a sign at an end (`ER-`)."""
_CLAUSE_END = re.compile(r"[.!,;:\n](?=\s|$)| (?:because|since|as) ")


@dataclass(frozen=True)
class OptionMatcher:
    """Matches text against the options of one question. Build it with `option_matcher`."""

    letters: str
    texts: tuple[str, ...]
    """Plain text of each option, in order."""
    joined: tuple[str, ...]
    """The same without what separates their words: `cystic_plate`, `CysticPlate` and `Cystic-plate` are one."""
    pattern: re.Pattern[str] | None
    """Finds any option's text, the longest first; None if all are empty."""

    @property
    def reach(self) -> int:
        """Length beyond which no text states an option."""
        return max(map(len, self.texts), default=0) + 40

    def plain(self, text: str) -> str:
        """Text for comparison: case, white space and surrounding punctuation do not matter."""
        return trim(text).casefold()

    def read(self, text: str, *, lower: bool = True) -> str | None:
        """Letter of the one option that the whole of `text` states by letter (maybe `lower`-case), text, or both."""
        words = trim(text)
        if len(words) > self.reach:
            return None
        label = _LABEL.match(words)
        rest = trim(words[label.end() :]) if label and label.end() else words
        found = self._matches(words, lower) | (self._matches(rest, lower) if rest != words else set())
        if not found and words[-1:] > "\u0fff" and (bare := _PARTICLE.sub("", words)) != words:
            return self.read(bare, lower=lower)
        return next(iter(found)) if len(found) == 1 else None

    def _matches(self, words: str, lower: bool) -> set[str]:
        found = self._named_by(words)
        letter = words if _LETTER.fullmatch(words) and (lower or words.isupper()) else ""
        found |= {letter.upper()} & set(self.letters)
        if (both := _LETTER_AND_TEXT.fullmatch(words)) and both[1].upper() in self._named_by(both[2]):
            found |= {both[1].upper()}
        if not found and (both := _TEXT_AND_LETTER.fullmatch(words)) and both[2] in self._named_by(both[1]):
            found |= {both[2]}
        return found

    def _named_by(self, text: str) -> set[str]:
        """Letters of the options whose text this is; word by word if it is none's exactly."""
        plain = self.plain(text)
        exact = {letter for letter, one in zip(self.letters, self.texts, strict=True) if one and one == plain}
        if exact or not re.search(r"[^\W\d_]{3}", plain):
            return exact
        joined = _join(plain)
        return {letter for letter, one in zip(self.letters, self.joined, strict=True) if one and one == joined}

    def is_list(self, text: str) -> bool:
        """Whether the whole of `text` is a list of several of the letters."""
        words = trim(text)
        return bool(_LIST.fullmatch(words)) and len(set(re.findall(r"[A-Z]", words)) & set(self.letters)) > 1

    def may_continue(self, text: str) -> bool:
        """Whether `text`, cut off, could continue: as a longer option, or as prose after a lower-case letter."""
        begun = self.plain(text)
        longer = begun in self.texts and any(one.startswith(begun) and one != begun for one in self.texts)
        return longer or bool(re.fullmatch(r"[a-z]", trim(text)))

    def opening(self, line: str) -> tuple[str, int] | None:
        """The option whose text, maybe after its letter, is the first clause of `line`, and where the clause ends."""
        found = None
        for mark in _CLAUSE_END.finditer(line, 0, self.reach):
            clause = line[: mark.start()]
            bare = len(trim(clause)) < 2 or (mark[0] not in ".!\n" and not _LETTER_AND_TEXT.fullmatch(trim(clause)))
            if not bare and (choice := self.read(clause, lower=False)):
                found = choice, mark.start()
        return found

    def begun(self, text: str) -> set[str]:
        """Letters of the options whose text `text` begins with although it looks like a letter and more: "A. niger"."""
        words = trim(text).casefold()
        return {
            letter
            for letter, one in zip(self.letters, self.texts, strict=True)
            if re.match(r"[a-z]\b.", one) and re.match(re.escape(one) + r"(?!\w)", words)
        }

    def named(self, text: str) -> set[str]:
        """Letters of the options that `text` mentions anywhere, by capital letter or by text."""
        lines = "\n".join(" ".join(line.split()) for line in text.split("\n"))  # an article never ends a line
        letters = set(_NAMED_LETTER.findall(lines)) & set(self.letters)
        words = " ".join(lines.split())
        found = {_join(match.group()) for match in self.pattern.finditer(words.casefold())} if self.pattern else set()
        return letters | {letter for letter, one in zip(self.letters, self.joined, strict=True) if one in found}


@lru_cache(maxsize=4096)
def option_matcher(options: tuple[str, ...]) -> OptionMatcher:
    """The matcher for these options, built once per question."""
    texts = tuple(trim(normalize(option)).casefold() for option in options)
    return OptionMatcher(LETTERS[: len(options)], texts, tuple(map(_join, texts)), _pattern(texts))


def _pattern(texts: Sequence[str]) -> re.Pattern[str] | None:
    known = sorted({text for text in texts if text}, key=lambda text: (-len(text), text))
    if not known:
        return None
    words = ("[ _-]{0,3}".join(map(re.escape, re.split(r"\s+|(?<=\w)[_-]+(?=\w)", text))) for text in known)
    return re.compile(rf"(?<!{_WORD})(?:{'|'.join(words)})(?!{_WORD})")


def _join(text: str) -> str:
    return _JOINT.sub("", text)


def trim(text: str) -> str:
    """`text` with single spaces, also for underscores, and without punctuation around it."""
    return " ".join(text.replace("_", " ").split()).strip(_EDGES)
