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

from anatomy_r1.scoring.cues import ANSWER_HEADING, CUE, FIELD, HEDGE, REASON_HEADING
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
    last = len(sections) - 1
    found = [_read_section(one, matcher, truncated and place == last) for place, one in enumerate(sections)]
    earlier = _read_section(first, matcher, False)
    return agreed(
        Found([one for one in (earlier, *found) if one.choice or (one != NOTHING and one in found)]), "phrase", matcher
    )


def _sections(text: str) -> list[str]:
    """The text before the first heading that announces an answer, and what is below each, without reasoning."""
    marks = [mark for mark in ANSWER_HEADING.finditer(text) if text[mark.end() :].strip()] if "\n" in text else []
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
    reasons = bool(REASON_HEADING.search(text))
    in_prose = phrases(prose, matcher)
    kinds: tuple[tuple[LenientReason, Found], ...] = (
        ("phrase", _fields(text, matcher)),
        ("boxed", _boxes(text, matcher)),
        ("phrase", Found() if in_prose.blank else in_prose),
        ("line", Found() if reasons else _lines(text, matcher, truncated)),
    )
    present = [(reason, found) for reason, found in kinds if found.answers]
    if (in_prose.blank and not present) or CUE.search(text, len(prose)):  # cut off within an announcement
        return UNREADABLE
    if not present:
        return NOTHING if reasons else copula(prose, matcher)
    decided = agreed(present[0][1], present[0][0], matcher)
    stated = {one.choice for _, found in present for one in found.answers if one.choice}
    differ = len(stated | labelled(prose, matcher)) > 1
    return SEVERAL if differ and (decided.choice or decided.reason == "contradicted") else decided


def _fields(text: str, matcher: OptionMatcher) -> Found:
    """Fields of JSON. The other fields of the object say nothing about the answer."""
    fields = list(FIELD.finditer(text)) if ":" in text or "=" in text else []
    if not fields:
        return Found()
    values = [next(value for value in one.groups() if value is not None) for one in fields]
    return Found([answer(value, "phrase", matcher) for value in values], text[fields[-1].end() :].rpartition("}")[2])


def _boxes(text: str, matcher: OptionMatcher) -> Found:
    boxes = list(_BOXED.finditer(text)) if "ox" in text else []
    read = [answer(one[1] or one[2] or "", "boxed", matcher) for one in boxes]
    return Found(read, text[boxes[-1].end() :] if boxes else "")


def _lines(text: str, matcher: OptionMatcher, truncated: bool) -> Found:
    """An option in the first line, or in a last line after a finished sentence."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return Found()
    first = matcher.read(lines[0], lower=False) if lines[1:] else None
    if first and not lines[1].lstrip()[:1].islower():  # a lower-case second line continues the first
        listed = matcher.read(lines[1], lower=False) not in (None, first)  # the options, echoed
        return Found(
            [LenientAnswer(None, "contradicted") if listed else LenientAnswer(first, "line")], "\n".join(lines[1:])
        )
    if opening := matcher.opening(lines[0]):
        choice, end = opening
        after = "\n".join([lines[0][end:], *lines[1:]])
        hedged = HEDGE.search(after, 0, len(lines[0]) - end)
        return Found([LenientAnswer(None, "hedged") if hedged else LenientAnswer(choice, "line")], after)
    if len(lines) < 2 or truncated or not lines[-2].rstrip().endswith((".", "!")):
        return Found()
    last = None if _LIST_MARK.fullmatch(lines[-1].strip()) else matcher.read(lines[-1], lower=False)
    listed = any(
        mark[0].strip("().:").upper() != last for line in lines[:-1] if (mark := _LIST_MARK.match(line.strip()))
    )
    return Found([LenientAnswer(last, "line")]) if last and not listed else Found()
