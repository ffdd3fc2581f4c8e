"""The answer extractor: reads the chosen letter from a completion. Evaluation, rewards and reports all use it.

A completion becomes a letter in three steps, one function each:

1. `_after_thinking` drops one leading `<think>...</think>` block without reading it.
2. `_answer_text` takes the content of the single `<answer>` tag or, if there is no tag, all of the remaining text.
3. `_match` accepts a letter (`B`), a letter with the text of its own option (`B. Liver`), or the exact text of exactly
   one option (`Liver`).

Anything else is unparsed, with a reason. The extractor never guesses and never takes the nearest match. The paper does
not say how it reads answers: these rules are ours.

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
    remaining = _after_thinking(completion)
    text = remaining if isinstance(remaining, Answer) else _answer_text(remaining)
    if isinstance(text, Answer):
        return text
    match = _match_cached if len(text) <= CACHED_LENGTH else _match
    return match(text, tuple(options))


def _after_thinking(completion: str) -> str | Answer:
    """Step 1: the text after a leading think block, or the failure."""
    tags = _TAG.findall(completion)
    if tags[:1] != ["<think>"]:
        return completion
    if "</think>" not in tags:
        return Answer(None, "unclosed_think")
    if tags[1] != "</think>":
        return Answer(None, "nested_tags")
    before, _, rest = completion.partition("<think>")
    return Answer(None, "text_outside_answer") if before.strip() else rest.partition("</think>")[2]


def _answer_text(text: str) -> str | Answer:
    """Step 2: the stripped text that states the answer, or the failure."""
    tags = _TAG.findall(text)
    if tags and tags != ["<answer>", "</answer>"]:
        return Answer(None, _tag_failure(tags))
    if tags:
        before, _, rest = text.partition("<answer>")
        text, _, after = rest.partition("</answer>")
        if before.strip() or after.strip():
            return Answer(None, "text_outside_answer")
    return text.strip() or Answer(None, "empty")


def _tag_failure(tags: list[str]) -> Reason:
    """What is wrong with tags that are not one `<answer>...</answer>`."""
    if "<think>" in tags or "</think>" in tags or tags[:2] == ["<answer>", "<answer>"]:
        return "nested_tags"
    return "several_answers" if tags.count("<answer>") > 1 else "unclosed_answer"


def _match(text: str, options: tuple[str, ...]) -> Answer:
    """Step 3: the option that the whole of `text` names."""
    letters = LETTERS[: len(options)]
    same = [letter for letter, option in zip(letters, options, strict=False) if _plain(option) == _plain(text)]
    if len(same) == 1:
        return Answer(same[0], "text")
    if match := _LETTER.fullmatch(text):
        return Answer(match[1], "letter") if match[1] in letters else Answer(None, "letter_out_of_range")
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
