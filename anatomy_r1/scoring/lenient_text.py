"""What the lenient extractor looks at: a completion made plain, without its reasoning, and taken apart at its tags."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

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
