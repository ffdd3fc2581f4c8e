"""The answer extractor: reads the chosen letter from a completion. Evaluation, rewards and reports all use it.

A completion becomes a letter in three steps:

1. Thinking is dropped without being read, so a tag that it only mentions does not matter. It lasts from `<think>` to
   the next `</think>`, or from the beginning to a `</think>` before any `<think>`: then the prompt opened it.
2. The statement is the content of an `<answer>` pair, if it is the only one and nothing follows it. Whatever stands
   before it is not read: plain text, or thinking that was never closed. Without any answer tag, the statement is all of
   the text after the thinking.
3. `_match` accepts a letter (`B`), a letter with the text of its own option (`B. Liver`), or the exact text of exactly
   one option (`Liver`). A letter that is the text of another option has two readings, and is not accepted.

Anything else is unparsed, with a reason. The extractor never guesses and never takes the nearest match. The paper does
not say how it reads answers: these rules are ours. The format is judged apart (`extraction.well_formed`).

Example:
    >>> extract("<think> it is yellow </think> <answer> B </answer>", ["Liver", "Omentum"])
    Answer(choice='B', reason='letter')
    >>> extract("It is not A.", ["Liver", "Omentum"])
    Answer(choice=None, reason='unrecognised')
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from anatomy_r1.question import LETTERS
from anatomy_r1.question import plain_option as _plain

Reason = Literal[
    "letter",
    "letter_and_text",
    "text",
    "empty",
    "unclosed_think",
    "unclosed_answer",
    "nested_tags",
    "several_answers",
    "text_outside_answer",
    "letter_out_of_range",
    "letter_contradicts_text",
    "unrecognised",
]

PARSED: frozenset[str] = frozenset({"letter", "letter_and_text", "text"})
"""Reasons that come with a choice. Every other reason is a failure."""

CACHED_LENGTH = 100
"""Longest answer text whose match is cached (our choice): models repeat a few short answers over and over."""

_TAG = re.compile(r"</?(?:think|answer)>")
_ANSWER = re.compile(r"</?answer>")
_THINK = re.compile(r"<think>[\s.\u2026]*+</think>|</?think>")
"""A think tag, or a pair with nothing or dots in it: within thinking, such a pair quotes the prompt's format."""
_PAIR = ["<answer>", "</answer>"]
_LETTER = re.compile(r"\(?([A-Z])[.):]?")
_LETTER_AND_TEXT = re.compile(r"\(?([A-Z])(?:[.):]|(?=\s))\s*(\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a completion chose, and how it was read or why it was not."""

    choice: str | None
    """Letter of the chosen option, or None when unparsed."""
    reason: Reason


def extract(completion: str, options: Sequence[str]) -> Answer:
    """The option that `completion` chooses among `options` (shown as A, B, ...). Linear in the completion's length."""
    thoughts = _thoughts(completion)
    pair = _final_pair(completion, thoughts)
    text = _untagged(completion, thoughts) if pair is None else pair
    if isinstance(text, Answer):
        return text
    match = _match_cached if len(text) <= CACHED_LENGTH else _match
    return match(text, tuple(options)) if text else Answer(None, "empty")


def _thoughts(completion: str) -> list[tuple[int, int]]:
    """Step 1: where each closed thinking begins and ends, tags included."""
    found: list[tuple[int, int]] = []
    start = -1
    for number, tag in enumerate(_THINK.finditer(completion)):
        if tag[0] == "</think>":
            if start >= 0 or number == 0:
                found.append((max(start, 0), tag.end()))
            start = -1
        elif start < 0:
            start = tag.start()
            if tag[0] != "<think>":  # closed at once
                found.append(tag.span())
                start = -1
    return found


def _final_pair(completion: str, thoughts: Sequence[tuple[int, int]]) -> str | None:
    """Step 2: the stripped content of the only answer pair outside closed thinking, if it ends the completion."""
    starts, ends = (0, *(end for _, end in thoughts)), (*(start for start, _ in thoughts), len(completion))
    tags = [tag for start, end in zip(starts, ends, strict=True) for tag in _ANSWER.findall(completion, start, end)]
    if tags != _PAIR:
        return None
    _, opening, rest = completion[starts[-1] :].partition("<answer>")
    content, closing, after = rest.partition("</answer>")
    ends_it = opening and closing and not after.strip() and not _TAG.search(content)
    return content.strip() if ends_it else None


def _untagged(completion: str, thoughts: Sequence[tuple[int, int]]) -> str | Answer:
    """Step 2 without such a pair: all of the stripped text after thinking, if it has no tag, or the failure."""
    tags, rest = _TAG.findall(completion), completion
    if thoughts and (thoughts[0][0] == 0 or tags[0] == "<think>"):
        start, end = thoughts[0]
        if completion[:start].strip():
            return Answer(None, "text_outside_answer")
        rest = completion[end:]
        tags = _TAG.findall(rest)
    elif tags[:1] == ["<think>"]:
        return Answer(None, "unclosed_think")
    return Answer(None, _tag_failure(tags)) if tags else rest.strip()


def _tag_failure(tags: list[str]) -> Reason:
    """What is wrong with tags that are not one `<answer>...</answer>` at the end."""
    if tags == _PAIR:
        return "text_outside_answer"
    if "<think>" in tags or "</think>" in tags or tags[:2] == ["<answer>", "<answer>"]:
        return "nested_tags"
    return "several_answers" if tags.count("<answer>") > 1 else "unclosed_answer"


def _match(text: str, options: tuple[str, ...]) -> Answer:
    """Step 3: the option that the whole of `text` names."""
    letters = LETTERS[: len(options)]
    same = [letter for letter, option in zip(letters, options, strict=False) if _plain(option) == _plain(text)]
    letter = match[1] if (match := _LETTER.fullmatch(text)) else ""
    if len(same) == 1:
        if letter and letter in letters and letter != same[0]:  # where option B is "A", `A` has two readings
            return Answer(None, "letter_contradicts_text")
        return Answer(same[0], "text")
    if letter:
        return Answer(letter, "letter") if letter in letters else Answer(None, "letter_out_of_range")
    if (match := _LETTER_AND_TEXT.fullmatch(text)) and match[1] in letters:
        return _match_letter_and_text(match[1], match[2], options)
    return Answer(None, "unrecognised")


_match_cached = lru_cache(maxsize=16384)(_match)


def _match_letter_and_text(letter: str, text: str, options: tuple[str, ...]) -> Answer:
    """A letter counts only with its own option's text behind it."""
    if _plain(text) == _plain(options[LETTERS.index(letter)]):
        return Answer(letter, "letter_and_text")
    known = any(_plain(text) == _plain(option) for option in options)
    return Answer(None, "letter_contradicts_text" if known else "unrecognised")
