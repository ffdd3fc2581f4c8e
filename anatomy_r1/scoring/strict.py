"""Completion -> Answer: the one extractor, used by evaluation, rewards and reports alike.

What counts (after `<think>...</think>` has been removed unread): the text of the single `<answer>` tag or, where no tag
was written, all that is left. That text must be a letter, a letter with its own option's text, or the exact text of
exactly one option. Anything else is unparsed, with a reason; nothing is ever guessed, and never the nearest match.

Example:
    >>> extract("<think> it is yellow </think> <answer> B </answer>", ["Liver", "Omentum"])
    Answer(choice='B', reason='letter')
    >>> extract("It is not A.", ["Liver", "Omentum"]).choice is None
    True
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from anatomy_r1.question import LETTERS

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
"""Reasons that come with a choice; every other reason is a failure."""

_TAG = re.compile(r"</?(?:think|answer)>")
_LETTER = re.compile(r"\(?([A-Z])[.):]?")
_LETTER_TEXT = re.compile(r"\(?([A-Z])(?:[.):]|(?=\s))\s*(\S.*)", re.DOTALL)

SHORT = 100
"""Letters of an answer that is remembered (ours): models give the same few again and again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a completion chose, and why or why not."""

    choice: str | None
    """Letter of the chosen option, or None when unparsed."""
    reason: Reason


def extract(completion: str, options: Sequence[str]) -> Answer:
    """The option that `completion` chooses among `options` (shown as A, B, ...). Linear in the completion's length."""
    body = _body(completion)
    if isinstance(body, Answer):
        return body
    text = body.strip()
    return (_read_short if len(text) <= SHORT else _read)(text, tuple(options))


def _body(completion: str) -> str | Answer:
    """The text that states the answer, or the reason why there is none."""
    names = _TAG.findall(completion)
    if names[:1] != ["<think>"]:
        return _stated(completion, names)
    if "</think>" not in names:
        return Answer(None, "unclosed_think")
    if names[1] != "</think>":
        return Answer(None, "nested_tags")
    before, _, rest = completion.partition("<think>")
    if before.strip():
        return Answer(None, "text_outside_answer")
    return _stated(rest.partition("</think>")[2], names[2:])


def _stated(text: str, names: list[str]) -> str | Answer:
    """The same of what follows the thinking; `names` are its tags."""
    if not names:
        return text if text.strip() else Answer(None, "empty")
    if names != ["<answer>", "</answer>"]:
        return Answer(None, _broken(names))
    before, _, rest = text.partition("<answer>")
    inside, _, after = rest.partition("</answer>")
    if before.strip() or after.strip():
        return Answer(None, "text_outside_answer")
    return inside if inside.strip() else Answer(None, "empty")


def _broken(names: list[str]) -> Reason:
    if "<think>" in names or "</think>" in names:
        return "nested_tags"
    if names.count("<answer>") > 1:
        return "nested_tags" if names[:2] == ["<answer>", "<answer>"] else "several_answers"
    return "unclosed_answer"


def _read(text: str, options: tuple[str, ...]) -> Answer:
    same = [letter for letter, option in zip(LETTERS, options, strict=False) if _plain(option) == _plain(text)]
    if len(same) == 1:
        return Answer(same[0], "text")
    if match := _LETTER.fullmatch(text):
        inside = match.group(1) in LETTERS[: len(options)]
        return Answer(match.group(1), "letter") if inside else Answer(None, "letter_out_of_range")
    if (match := _LETTER_TEXT.fullmatch(text)) and match.group(1) in LETTERS[: len(options)]:
        return _letter_and_text(match.group(1), match.group(2), options)
    return Answer(None, "unrecognised")


_read_short = lru_cache(maxsize=16384)(_read)


def _letter_and_text(letter: str, text: str, options: Sequence[str]) -> Answer:
    if _plain(text) == _plain(options[LETTERS.index(letter)]):
        return Answer(letter, "letter_and_text")
    known = any(_plain(text) == _plain(option) for option in options)
    return Answer(None, "letter_contradicts_text" if known else "unrecognised")


def _plain(text: str) -> str:
    """Case, runs of white space and one closing full stop do not make another text."""
    return " ".join(text.split()).removesuffix(".").casefold()
