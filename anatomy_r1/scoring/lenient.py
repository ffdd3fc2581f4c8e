"""Completion -> lenient answer: reported beside the strict one as a band, never scored, never rewarded.

The strict extractor (`anatomy_r1.scoring.strict`) decides. This one shows how far its verdicts hang on form: it reads
what a careful person would take for an answer though its form is wrong. Ours throughout; the paper says nothing of
either.

- What the strict one reads, this one reads alike.
- Reasoning is never read; without think tags it is what stands before the answer.
- An answer is, in this order: the whole text, what stands in answer tags or in LaTeX's box, what follows "answer is",
  "answer:", "I choose" or the like in a sentence that neither negates nor hedges, or a first line, or a last line after
  a finished sentence, that is an answer by itself.
- All answers found must be one option, and text after the last may neither name another nor take it back. Otherwise it
  stays unparsed.
- Nothing is guessed: no nearest match, no chance, no first or last of several.

Example:
    >>> lenient("The answer is (b).", ["Liver", "Omentum"])
    Lenient(choice='B', reason='phrase')
    >>> lenient("It is not A.", ["Liver", "Omentum"]).choice is None
    True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.scoring.lenient_text import Shown, Tagged, answer_tags, clean, shown, without_reasoning
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

READ: frozenset[str] = frozenset({"strict", "whole", "tag", "boxed", "phrase", "line"})
"""Reasons that come with a choice."""
_PLACEHOLDERS = frozenset({"your choice here", "your answer here", ""})
"""What the prompts themselves show in answer tags (`anatomy_r1.prompts`), and dots."""

_BOXED = re.compile(r"\\boxed\s*+\{([^{}]*)\}")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n")
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
class Lenient:
    """What a completion may be said to have chosen, and how it was found or why not."""

    choice: str | None
    """Letter of the option, or None where there is none without guessing."""
    reason: LenientReason


def lenient(completion: str, options: Sequence[str]) -> Lenient:
    """The option that `completion` chooses leniently among `options`. Linear in the completion's length."""
    strict = extract(completion, options).choice
    if strict is not None:
        return Lenient(strict, "strict")
    body, asked = without_reasoning(clean(completion)), shown(tuple(options))
    tagged = answer_tags(body)
    return _prose(body, asked) if tagged is None else _tags(tagged, asked)


def _tags(tagged: Tagged, asked: Shown) -> Lenient:
    stated = [text for text in tagged.stated if asked.plain(text) not in _PLACEHOLDERS]
    if stated and tagged.cut and asked.may_go_on(stated[-1]):
        return Lenient(None, "unreadable")
    found = [_prose(text, asked) for text in stated]
    read = [Lenient(None, "unreadable") if one.reason == "nothing" else one for one in found]
    return _agreed(read, "tag", tagged.after, asked)


def _prose(text: str, asked: Shown) -> Lenient:
    """An answer in text without tags."""
    if choice := asked.read(text):
        return Lenient(choice, "whole")
    if asked.is_list(text):
        return Lenient(None, "several")
    readers: tuple[Callable[[str, Shown], Lenient], ...] = (_boxed, _phrases, _lines)
    found = (reader(text, asked) for reader in readers)
    return next((one for one in found if one.reason != "nothing"), Lenient(None, "nothing"))


def _boxed(text: str, asked: Shown) -> Lenient:
    boxes = list(_BOXED.finditer(text))
    after = text[boxes[-1].end() :] if boxes else ""
    return _agreed([_exact(box[1], asked, "boxed") for box in boxes], "boxed", after, asked)


def _phrases(text: str, asked: Shown) -> Lenient:
    """What follows a cue, sentence by sentence."""
    found, start, after = [], 0, len(text)
    for end in (*(mark.start() for mark in _SENTENCE.finditer(text)), len(text)):
        cues = list(_CUE.finditer(text, start, end))
        if cues:
            before, between = text[start : cues[-1].start()], text[cues[0].end() : cues[-1].start()]
            one, read = _phrase(before, text[cues[-1].end() : end], asked, ended=end < len(text))
            found.append(Lenient(None, "several") if asked.named(between) else one)
            after = cues[-1].end() + read
        start = end + 1
    return _agreed(found, "phrase", text[after:], asked)


def _phrase(before: str, stated: str, asked: Shown, *, ended: bool) -> tuple[Lenient, int]:
    """One sentence's answer, and how many characters of `stated` hold it.

    `ended`: whether the sentence has an end; else a lower-case letter may be an article that was cut off.
    """
    whole = asked.read(stated, lower=ended or not stated.rstrip()[-1:].isalpha())
    if _HEDGE.search(before) or (whole is None and _HEDGE.search(stated)):
        return Lenient(None, "hedged"), 0
    if whole:
        return Lenient(whole, "phrase"), len(stated)
    head = _REASON_FOLLOWS.split(stated, maxsplit=1)[0]
    choice = None if head == stated else asked.read(head)
    return Lenient(choice, "phrase" if choice else _failure(head, asked)), len(head)


def _lines(text: str, asked: Shown) -> Lenient:
    """A first line that is an answer, or a last one after a finished sentence."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        return Lenient(None, "nothing")
    first, last = (asked.read(line, lower=False) for line in (lines[0], lines[-1]))
    if first and not lines[1].lstrip()[:1].islower():  # or the line goes on there
        return _agreed([Lenient(first, "line")], "line", "\n".join(lines[1:]), asked)
    finished = lines[-2].rstrip().endswith((".", "!"))
    return Lenient(last, "line") if last and finished else Lenient(None, "nothing")


def _exact(text: str, asked: Shown, reason: LenientReason) -> Lenient:
    choice = asked.read(text)
    return Lenient(choice, reason) if choice else Lenient(None, _failure(text, asked))


def _failure(text: str, asked: Shown) -> LenientReason:
    return "several" if asked.is_list(text) else "unreadable"


def _agreed(found: Iterable[Lenient], reason: LenientReason, after: str, asked: Shown) -> Lenient:
    """The one option that all of `found` state and that nothing `after` them gainsays."""
    every = list(found)
    choices = {one.choice for one in every}
    named = {choice for choice in choices if choice}
    if len(named) > 1:
        return Lenient(None, "several")
    failed = next((one for one in every if one.choice is None), None)
    if failed or not named:
        return failed or Lenient(None, "nothing")
    (choice,) = named
    gainsaid = asked.named(after) - {choice} or _RETRACTION.search(after)
    return Lenient(None, "contradicted") if gainsaid else Lenient(choice, reason)
