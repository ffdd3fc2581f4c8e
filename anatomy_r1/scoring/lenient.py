"""The lenient extractor: reads what a careful reader would take for an answer although its form is wrong.

It is reported next to the strict extractor (`anatomy_r1.scoring.strict`) as the upper end of a band that shows how much
of a score depends on form. It is never scored and never rewarded. All rules are ours; the paper describes none.

- What the strict extractor reads, this one reads the same way.
- Reasoning is never read. Without think tags, reasoning is the text before the answer.
- An answer is, in this order: the whole text; the content of answer tags; the content of LaTeX's box; the text after
  "answer is", "answer:", "I choose" or the like, in a sentence that neither negates nor hedges; a first line, or a last
  line after a finished sentence, that is an answer by itself.
- All answers found must name the same option, and the text after the last one may neither name another option nor
  retract the answer. Otherwise the completion stays unparsed.
- Nothing is guessed: no nearest match, no random choice, no first or last of several.

Everything runs in time linear in the completion: the patterns are possessive, so that a long run of white space is read
once.

Example:
    >>> extract_lenient("The answer is (b).", ["Liver", "Omentum"])
    LenientAnswer(choice='B', reason='phrase')
    >>> extract_lenient("It is not A.", ["Liver", "Omentum"]).choice is None
    True
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.strict import extract

LenientReason = Literal[
    "strict", "whole", "tag", "boxed", "phrase", "line", "nothing", "unreadable", "hedged", "several", "contradicted"
]

LENIENT_PARSED: frozenset[str] = frozenset({"strict", "whole", "tag", "boxed", "phrase", "line"})
"""Reasons that come with a choice."""
_PLACEHOLDERS = frozenset({"your choice here", "your answer here", ""})
"""What the prompts themselves show in answer tags (`anatomy_r1.prompts`), and dots."""

_INVISIBLE = re.compile(
    "[\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufe00-\\ufe0f\\ufeff"
    "\\ufff9-\\ufffb\\U000e0001\\U000e0020-\\U000e007f\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f]"
)
"""Format and control characters, soft hyphens, joiners, direction marks and variation selectors."""
_EMPHASIS = str.maketrans("", "", "*`$")
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathit)\{([^{}]*)\}")
_LATEX_EDGES = re.compile(r"\\[()\[\]]")
_COLON_BREAK = re.compile(r":[ \t\r]*+\n\s*+")
_THINK = re.compile(r"<\s*+(/?+)\s*+think\s*+>", re.IGNORECASE)
_ANSWER = re.compile(r"<\s*+(/?+)\s*+answer\s*+>", re.IGNORECASE)
_EDGES = " \t\r\n.,:;!()[]{}<>\"'\u201c\u201d\u2018\u2019\u00ab\u00bb_\\\u3002"
"""Characters around an answer that carry no meaning. Not `?`, which expresses doubt, nor `~`, which may strike out."""
_LABEL = re.compile(r"(?:(?:option|choice|answer|letter) |the )", re.IGNORECASE)
_LETTER = re.compile(r"[A-Za-z]")
_LETTER_AND_TEXT = re.compile(r"([A-Za-z])(?:[.):\]}]| )[ .):\]}(\[{\u2013\u2014-]*+(\S.*)", re.DOTALL)
_LIST = re.compile(r"\(?[A-Z]\)?(?: ?(?:,|/|;|&|\band\b|\bor\b) ?\(?[A-Z]\)?| \(?[A-Z]\)?)++")
# "A grasper": an article before a word names no option. "A." and a final "A" do.
_NAMED_LETTER = re.compile(r"(?<!\w)(?:A(?!\w)(?! [a-z])|[B-H](?!\w))")
_BOXED = re.compile(r"\\boxed\s*+\{([^{}]*)\}")
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n")
_CUE = re.compile(
    r"\b(?:(?:answer|option|choice)\s*+(?:is|:|=)\s*+:?+|I (?:choose|select|pick)\b)"
    r"\s*+(?:(?:option|choice)\b)?+\s*+:?+",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:not|no|never|neither|nor|none|cannot|without|wrong|incorrect|false|unlikely|except|if|whether|unless|either|"
    r"or|maybe|perhaps|possibly|might|could|may|unclear|unsure|uncertain)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_RETRACTION = re.compile(
    r"\b(?:wrong|incorrect|mistaken?|wait|actually|correction|instead|disregard|not (?:correct|right|sure))\b",
    re.IGNORECASE,
)
_REASON_FOLLOWS = re.compile(r"[,;(]| (?:because|since|as|which|and)\b| [-\u2013\u2014] ")


@dataclass(frozen=True, slots=True)
class LenientAnswer:
    """What a completion appears to have chosen, and how it was read or why it was not."""

    choice: str | None
    """Letter of the option, or None if reading one would be a guess."""
    reason: LenientReason


NOTHING = LenientAnswer(None, "nothing")


def extract_lenient(completion: str, options: Sequence[str]) -> LenientAnswer:
    """The option that `completion` chooses among `options`, read leniently. Linear in the completion's length."""
    strict = extract(completion, options).choice
    if strict is not None:
        return LenientAnswer(strict, "strict")
    body, matcher = strip_reasoning(normalize(completion)), option_matcher(tuple(options))
    tagged = split_answer_tags(body)
    return _read_untagged(body, matcher) if tagged is None else _read_tags(*tagged, matcher)


def _read_tags(texts: Sequence[str], after: str, unclosed: bool, matcher: OptionMatcher) -> LenientAnswer:
    contents = [text for text in texts if matcher.plain(text) not in _PLACEHOLDERS]
    if contents and unclosed and matcher.may_continue(contents[-1]):
        return LenientAnswer(None, "unreadable")
    found = [_read_untagged(text, matcher) for text in contents]
    read = [LenientAnswer(None, "unreadable") if one == NOTHING else one for one in found]
    return _agreed(read, "tag", after, matcher)


def _read_untagged(text: str, matcher: OptionMatcher) -> LenientAnswer:
    """The answer in text without tags: the first reader that finds anything decides."""
    if choice := matcher.read(text):
        return LenientAnswer(choice, "whole")
    if matcher.is_list(text):
        return LenientAnswer(None, "several")
    readers: tuple[Callable[[str, OptionMatcher], LenientAnswer], ...] = (_read_boxes, _read_phrases, _read_lines)
    found = (reader(text, matcher) for reader in readers)
    return next((one for one in found if one != NOTHING), NOTHING)


def _read_boxes(text: str, matcher: OptionMatcher) -> LenientAnswer:
    boxes = list(_BOXED.finditer(text))
    after = text[boxes[-1].end() :] if boxes else ""
    read = [(box[1], matcher.read(box[1])) for box in boxes]
    found = [LenientAnswer(choice, "boxed" if choice else _failure(inside, matcher)) for inside, choice in read]
    return _agreed(found, "boxed", after, matcher)


def _read_phrases(text: str, matcher: OptionMatcher) -> LenientAnswer:
    """The text after a cue such as "the answer is", sentence by sentence."""
    found, start, after = [], 0, len(text)
    for end in (*(mark.start() for mark in _SENTENCE_END.finditer(text)), len(text)):
        cues = list(_CUE.finditer(text, start, end))
        if cues:
            before, between = text[start : cues[-1].start()], text[cues[0].end() : cues[-1].start()]
            one, length = _read_phrase(before, text[cues[-1].end() : end], matcher, finished=end < len(text))
            found.append(LenientAnswer(None, "several") if matcher.named(between) else one)
            after = cues[-1].end() + length
        start = end + 1
    return _agreed(found, "phrase", text[after:], matcher)


def _read_phrase(before: str, stated: str, matcher: OptionMatcher, *, finished: bool) -> tuple[LenientAnswer, int]:
    """The answer of one sentence, `before` and `stated` around its cue, and how many characters of `stated` hold it.

    `finished`: whether the sentence has an end. If not, a lower-case letter may be an article that was cut off.
    """
    whole = matcher.read(stated, lower=finished or not stated.rstrip()[-1:].isalpha())
    if _HEDGE.search(before) or (whole is None and _HEDGE.search(stated)):
        return LenientAnswer(None, "hedged"), 0
    if whole:
        return LenientAnswer(whole, "phrase"), len(stated)
    head = _REASON_FOLLOWS.split(stated, maxsplit=1)[0]
    choice = None if head == stated else matcher.read(head)
    return LenientAnswer(choice, "phrase" if choice else _failure(head, matcher)), len(head)


def _read_lines(text: str, matcher: OptionMatcher) -> LenientAnswer:
    """A first line that is an answer, or a last line that is one after a finished sentence."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        return NOTHING
    first, last = (matcher.read(line, lower=False) for line in (lines[0], lines[-1]))
    if first and not lines[1].lstrip()[:1].islower():  # a lower-case second line continues the first
        return _agreed([LenientAnswer(first, "line")], "line", "\n".join(lines[1:]), matcher)
    finished = lines[-2].rstrip().endswith((".", "!"))
    return LenientAnswer(last, "line") if last and finished else NOTHING


def _failure(text: str, matcher: OptionMatcher) -> LenientReason:
    return "several" if matcher.is_list(text) else "unreadable"


def _agreed(found: Sequence[LenientAnswer], reason: LenientReason, after: str, matcher: OptionMatcher) -> LenientAnswer:
    """The one option that all of `found` state and that the text `after` them does not contradict."""
    choices = {one.choice for one in found if one.choice}
    if len(choices) > 1:
        return LenientAnswer(None, "several")
    failed = next((one for one in found if one.choice is None), None)
    if failed or not choices:
        return failed or NOTHING
    (choice,) = choices
    contradicted = matcher.named(after) - {choice} or _RETRACTION.search(after)
    return LenientAnswer(None, "contradicted") if contradicted else LenientAnswer(choice, reason)


def normalize(completion: str) -> str:
    """Plain text: compatibility characters decomposed (NFKD), no invisible characters, emphasis or LaTeX wrappers.

    Look-alikes (Cyrillic, Greek) and combining marks (a struck-out letter) stay as they are. A line break after a colon
    becomes a space.
    """
    # One character at a time: normalising a whole text sorts its combining marks, which takes more than linear time.
    plain = {ord(one): unicodedata.normalize("NFKD", one) for one in set(completion) if not one.isascii()}
    visible = _INVISIBLE.sub("", completion.translate(plain)).translate(_EMPHASIS)
    return _COLON_BREAK.sub(": ", _LATEX.sub(r"\1", _LATEX_EDGES.sub(" ", visible)))


def strip_reasoning(text: str) -> str:
    """The text outside `<think>...</think>`.

    Before an unmatched closing tag everything is reasoning: the prompt may have opened it. After an unclosed opening
    tag everything is reasoning, unless the text ends in its only answer tag: then the closing tag was forgotten.
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
    kept.append(_final_answer_tag(text[start:]) if depth else text[start:])
    return " ".join(kept)


def _final_answer_tag(text: str) -> str:
    """The only answer tag of `text` if the text ends with it, else nothing."""
    tags = list(_ANSWER.finditer(text))
    ends = [tag[1] for tag in tags] == ["", "/"] and not text[tags[1].end() :].strip()
    return text[tags[0].start() :] if ends else ""


def split_answer_tags(text: str) -> tuple[list[str], str, bool] | None:
    """Contents of the answer tags, nested ones included, without empty ones; the text after the last closed tag; and
    whether the last content has no closing tag, so that it may be cut off. None if there are no tags.

    An unmatched closing tag closes the text before it: the prompt may have opened it.
    """
    tags = list(_ANSWER.finditer(text))
    if not tags:
        return None
    contents: list[str] = []
    start, depth = 0, 0
    for number, tag in enumerate(tags):
        if depth or (tag[1] and number == 0):
            contents.append(text[start : tag.start()])
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        start = tag.end()
    rest = text[start:]
    unclosed = depth > 0 and bool(rest.strip())
    if unclosed:
        contents.append(rest)
    return [one for one in contents if one.strip()], "" if unclosed else rest, unclosed


@dataclass(frozen=True)
class OptionMatcher:
    """Matches text against the options of one question. Build it with `option_matcher`."""

    letters: str
    texts: tuple[str, ...]
    """Plain text of each option, in order."""
    pattern: re.Pattern[str] | None
    """Finds any option's text, the longest first; None if all are empty."""

    def plain(self, text: str) -> str:
        """Text for comparison: case, white space and surrounding punctuation do not matter."""
        return _trim(text).casefold()

    def read(self, text: str, *, lower: bool = True) -> str | None:
        """Letter of the one option that the whole of `text` states by letter (maybe `lower`-case), text, or both."""
        words = _trim(text)
        label = _LABEL.match(words)
        found = self._matches(words, lower) | (self._matches(_trim(words[label.end() :]), lower) if label else set())
        return next(iter(found)) if len(found) == 1 else None

    def _matches(self, words: str, lower: bool) -> set[str]:
        found = {
            letter for letter, one in zip(self.letters, self.texts, strict=True) if one and one == words.casefold()
        }
        letter = words if _LETTER.fullmatch(words) and (lower or words.isupper()) else ""
        found |= {letter.upper()} & set(self.letters)
        if (both := _LETTER_AND_TEXT.fullmatch(words)) and both[1].upper() in self.letters:
            own = self.texts[self.letters.index(both[1].upper())]
            found |= {both[1].upper()} if own and self.plain(both[2]) == own else set()
        return found

    def is_list(self, text: str) -> bool:
        """Whether the whole of `text` is a list of several of the letters."""
        words = _trim(text)
        return bool(_LIST.fullmatch(words)) and len(set(re.findall(r"[A-Z]", words)) & set(self.letters)) > 1

    def may_continue(self, text: str) -> bool:
        """Whether `text`, cut off, could continue: as a longer option, or as prose after a lower-case letter."""
        begun = self.plain(text)
        longer = begun in self.texts and any(one.startswith(begun) and one != begun for one in self.texts)
        return longer or bool(re.fullmatch(r"[a-z]", _trim(text)))

    def named(self, text: str) -> set[str]:
        """Letters of the options that `text` mentions anywhere, by capital letter or by text."""
        lines = "\n".join(" ".join(line.split()) for line in text.split("\n"))  # an article never ends a line
        letters = set(_NAMED_LETTER.findall(lines)) & set(self.letters)
        words = " ".join(lines.split())
        found = {match.group() for match in self.pattern.finditer(words.casefold())} if self.pattern else set()
        return letters | {letter for letter, one in zip(self.letters, self.texts, strict=True) if one in found}


@lru_cache(maxsize=4096)
def option_matcher(options: tuple[str, ...]) -> OptionMatcher:
    """The matcher for these options, built once per question."""
    texts = tuple(_trim(normalize(option)).casefold() for option in options)
    return OptionMatcher(LETTERS[: len(options)], texts, _pattern(texts))


def _pattern(texts: Sequence[str]) -> re.Pattern[str] | None:
    known = sorted({text for text in texts if text}, key=lambda text: (-len(text), text))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)") if known else None


def _trim(text: str) -> str:
    return " ".join(text.split()).strip(_EDGES)
