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

Example:
    >>> extract_lenient("The answer is (b).", ["Liver", "Omentum"])
    LenientAnswer(choice='B', reason='phrase')
    >>> extract_lenient("It is not A.", ["Liver", "Omentum"]).choice is None
    True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.scoring.lenient_text import (
    OptionMatcher,
    TaggedText,
    normalize,
    option_matcher,
    split_answer_tags,
    strip_reasoning,
)
from anatomy_r1.scoring.strict import extract

LenientReason = Literal[
    "strict",
    "whole",
    "tag",
    "boxed",
    "phrase",
    "line",
    "nothing",
    "unreadable",
    "hedged",
    "several",
    "contradicted",
]

LENIENT_PARSED: frozenset[str] = frozenset({"strict", "whole", "tag", "boxed", "phrase", "line"})
"""Reasons that come with a choice."""
_PLACEHOLDERS = frozenset({"your choice here", "your answer here", ""})
"""What the prompts themselves show in answer tags (`anatomy_r1.prompts`), and dots."""

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
    return _read_untagged(body, matcher) if tagged is None else _read_tags(tagged, matcher)


def _read_tags(tagged: TaggedText, matcher: OptionMatcher) -> LenientAnswer:
    contents = [text for text in tagged.contents if matcher.plain(text) not in _PLACEHOLDERS]
    if contents and tagged.unclosed and matcher.may_continue(contents[-1]):
        return LenientAnswer(None, "unreadable")
    found = [_read_untagged(text, matcher) for text in contents]
    read = [LenientAnswer(None, "unreadable") if one == NOTHING else one for one in found]
    return _agreed(read, "tag", tagged.after, matcher)


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
