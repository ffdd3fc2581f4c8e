"""The lenient extractor: reads what a careful reader would take for an answer although its form is wrong.

It is reported next to the strict extractor (`anatomy_r1.scoring.strict`) as the upper end of a band that shows how much
of a score depends on form. It is never scored and never rewarded. All rules are ours; the paper describes none.

- What the strict extractor reads, this one reads the same way.
- Reasoning is never read. Without think tags, reasoning is the text before the answer.
- An answer is: the whole text; the content of answer tags; the text below a heading such as "Final answer"; a field of
  JSON; the content of LaTeX's box; the text after "answer is", "answer:", "I choose" or the like (`cues`), in a
  sentence that neither negates nor hedges; an option at the beginning, or in a last line after a finished sentence;
  and, where nothing else announces an answer and only one option is named at all, the text after "is".
- All answers found must name the same option, and the text after the last one may neither name another option nor
  retract the answer. Otherwise the completion stays unparsed.
- Of a response that was cut off at the token limit, only what was finished is read.
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
from collections.abc import Sequence

from anatomy_r1.scoring.cues import ANSWER_HEADING, CUE, DOUBT, FIELD, HEDGE, REASON_HEADING, RETRACTION, REVISION
from anatomy_r1.scoring.lenient_answer import (
    LENIENT_PARSED,
    NOTHING,
    SEVERAL,
    UNREADABLE,
    Found,
    LenientAnswer,
    LenientReason,
    agreed,
    answer,
)
from anatomy_r1.scoring.option_matcher import OptionMatcher, option_matcher
from anatomy_r1.scoring.plain_text import normalize, split_answer_tags, strip_reasoning
from anatomy_r1.scoring.sentences import copula, finished, labelled, phrases
from anatomy_r1.scoring.strict import extract

__all__ = ["LENIENT_PARSED", "LenientAnswer", "LenientReason", "extract_lenient"]

_PLACEHOLDERS = frozenset({"your choice here", "your answer here", ""})
"""What the prompts themselves show in answer tags (`anatomy_r1.prompts`), and dots."""

_BOXED = re.compile(
    r"(?<![A-Za-z\\])\\*+(?:b?oxed|f?box|framebox)\s*+\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+)\}"
    r"|(?<!\\)\\++boxed[ \t]++([^{}\n]++)"
)
"""LaTeX's box, also where a backslash was lost, as in Python's "\\boxed", or the braces were."""
_SENTENCE = 200
"""Longest part of a sentence before a box that is looked at (our choice)."""
_INSTRUCTION = re.compile(
    r"(?:please |you (?:should|must) )?(?:use|put|write|reply|respond|return|give|output)\b", re.I
)
_LIST_MARK = re.compile(r"\(?[A-Za-z][.):](?=\s|$)|\([A-Za-z]\)(?=\s|$)")


def extract_lenient(completion: str, options: Sequence[str], *, truncated: bool = False) -> LenientAnswer:
    """The option that `completion` chooses among `options`, read leniently. Linear in the completion's length.

    `truncated`: whether it ended at the token limit.
    """
    strict = extract(completion, options).choice
    if strict is not None:
        return LenientAnswer(strict, "strict")
    body, matcher = strip_reasoning(normalize(completion)), option_matcher(tuple(options))
    tagged = split_answer_tags(body)
    if tagged is None:
        return _read_untagged(body, matcher, truncated)
    return _read_tags(*tagged, matcher, truncated)


def _read_tags(
    texts: Sequence[str], after: str, unclosed: bool, matcher: OptionMatcher, truncated: bool
) -> LenientAnswer:
    contents = [text for text in texts if matcher.plain(text) not in _PLACEHOLDERS]
    if contents and unclosed and (truncated or matcher.may_continue(contents[-1])):
        return UNREADABLE
    found = [_read_untagged(text, matcher) for text in contents]
    return agreed(Found([UNREADABLE if one == NOTHING else one for one in found], after), "tag", matcher)


def _read_untagged(text: str, matcher: OptionMatcher, truncated: bool = False) -> LenientAnswer:
    """The answer in text without tags, section by section if it has headings."""
    first, *sections = _sections(text)
    if not sections:
        return _read_section(first, matcher, truncated)
    earlier = _read_section(first, matcher, False)
    found = [_read_section(one, matcher, False) for one in sections[:-1]]
    found.append(_read_section(sections[-1], matcher, truncated))
    read = [one for one in found if one != NOTHING] + ([earlier] if earlier.choice else [])
    return agreed(Found(read), "phrase", matcher)


def _sections(text: str) -> list[str]:
    """The text before the first heading that announces an answer, and what is below each, without reasoning."""
    end = len(text.rstrip())
    marks = [mark for mark in ANSWER_HEADING.finditer(text) if mark.end() < end] if "\n" in text else []
    starts, ends = (0, *(mark.end() for mark in marks)), (*(mark.start() for mark in marks), len(text))
    if not marks:
        return [text]
    parts = (text[start:end] for start, end in zip(starts, ends, strict=True))
    return [part[: reasoning.start()] if (reasoning := REASON_HEADING.search(part)) else part for part in parts]


def _read_section(text: str, matcher: OptionMatcher, truncated: bool) -> LenientAnswer:
    """The answer in one section: the first kind of statement that is there decides, and no other may differ."""
    if not truncated and (choice := matcher.read(text)):
        return LenientAnswer(choice, "whole")
    if matcher.is_list(text):
        return SEVERAL
    prose = finished(text) if truncated else text
    reasoning = bool(REASON_HEADING.search(text))
    if truncated and (reasoning or RETRACTION.search(text, len(prose)) or REVISION.search(text)):
        return UNREADABLE  # cut off while thinking, or while taking the answer back
    in_prose = phrases(prose, matcher)
    lines = Found() if reasoning else _lines(text, matcher, truncated)
    present = [one for one in (_fields(text, matcher), _boxes(text, matcher), in_prose, lines) if one.answers]
    if in_prose.blank and len(present) > 1:
        present.remove(in_prose)
    if truncated and CUE.search(text, len(prose)):  # cut off within an announcement
        return UNREADABLE
    if not present:
        return NOTHING if reasoning else copula(prose, matcher)
    return _decided(present, prose, matcher)


def _decided(present: Sequence[Found], prose: str, matcher: OptionMatcher) -> LenientAnswer:
    """What the first kind of statements says, if neither the others nor weak ones in the prose say something else."""
    reason: LenientReason = next((one.reason for one in present[0].answers if one.choice), "phrase")
    decided = agreed(present[0], reason, matcher)
    if not decided.choice and decided.reason != "contradicted":
        return decided
    stated = {one.choice for found in present for one in found.answers if one.choice}
    return SEVERAL if len(stated | labelled(prose, matcher)) > 1 else decided


def _fields(text: str, matcher: OptionMatcher) -> Found:
    """Fields of JSON. The other fields of the object say nothing about the answer."""
    fields = list(FIELD.finditer(text)) if ":" in text or "=" in text else []
    if not fields:
        return Found()
    values = [next(value for value in one.groups() if value is not None) for one in fields]
    return Found([answer(value, "phrase", matcher) for value in values], text[fields[-1].end() :].rpartition("}")[2])


def _boxes(text: str, matcher: OptionMatcher) -> Found:
    boxes = list(_BOXED.finditer(text)) if "ox" in text else []
    read = [_box(one, text, matcher) for one in boxes]
    return Found(read, text[boxes[-1].end() :] if boxes else "")


def _box(box: re.Match[str], text: str, matcher: OptionMatcher) -> LenientAnswer:
    """What a box states, unless the sentence around it negates, hedges or asks, or says what to put into boxes."""
    before = re.split(r"[.!?](?=\s)|\n", text[max(0, box.start() - _SENTENCE) : box.start()])[-1]
    asked = text[box.end() : box.end() + 3].strip("}$ *").startswith("?")
    if asked or HEDGE.search(before) or DOUBT.search(before) or _INSTRUCTION.match(before.strip()):
        return LenientAnswer(None, "hedged")
    return answer(box[1] or box[2] or "", "boxed", matcher)


def _lines(text: str, matcher: OptionMatcher, truncated: bool) -> Found:
    """An option at the beginning, or in a last line after a finished sentence."""
    lines = [line for line in text.split("\n") if line.strip()]
    found = _first_line(lines, matcher) if lines else Found()
    return found if found.answers or truncated or len(lines) < 2 else _last_line(lines, matcher)


def _first_line(lines: Sequence[str], matcher: OptionMatcher) -> Found:
    """An option that is the first line, or its first sentence."""
    first = matcher.read(lines[0], lower=False) if lines[1:] else None
    if first and not lines[1].lstrip()[:1].islower():  # a lower-case second line continues the first
        listed = matcher.read(lines[1], lower=False) not in (None, first)  # the options, echoed
        one = LenientAnswer(None, "contradicted") if listed else LenientAnswer(first, "line")
        return Found([one], "\n".join(lines[1:]))
    opening = matcher.opening(lines[0])
    if not opening:
        return Found()
    rest = lines[0][opening[1] :]
    one = LenientAnswer(None, "hedged") if HEDGE.search(rest) else LenientAnswer(opening[0], "line")
    return Found([one], "\n".join([rest, *lines[1:]]))


def _last_line(lines: Sequence[str], matcher: OptionMatcher) -> Found:
    """An option that is the last line, after a finished sentence. Not "B.", which may begin the next item of a list."""
    last = None if _LIST_MARK.fullmatch(lines[-1].strip()) else matcher.read(lines[-1], lower=False)
    marks = (mark[0] for line in lines[:-1] if (mark := _LIST_MARK.match(line.strip())))
    stands = last and lines[-2].rstrip().endswith((".", "!")) and all(last in mark.upper() for mark in marks)
    return Found([LenientAnswer(last, "line")]) if stands else Found()
