"""A completion as plain text, its reasoning and its answer tags, for the lenient extractor.

Models mark reasoning, answers and the end of a turn in many ways. All of these are read alike here; `docs/reading.md`
lists them. Everything runs in time linear in the text.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufe00-\\ufe0f\\ufeff"
    "\\ufff9-\\ufffb\\U000e0001\\U000e0020-\\U000e007f\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f]"
)
"""Format and control characters, soft hyphens, joiners, direction marks and variation selectors."""
_EMPHASIS = str.maketrans("", "", "*`$")

_BEFORE_TURN = re.compile(
    r"(?:\s*+(?:<\|?(?:s|bos|begin[_\u2581]of[_\u2581](?:text|sentence)|im_start|start|start_header_id|end_header_id"
    r"|assistant|start_of_turn|START_OF_TURN_TOKEN|CHATBOT_TOKEN)\|?>(?:\s*+(?:assistant|model)\b)?+"
    r"|\[/INST\]))++"
)
_AFTER_TURN = re.compile(
    r"<\|?(?:/s|eos|pad|eod|eot|eot_id|eom_id|im_end|im_start|end|endoftext|return|call|assistant_end"
    r"|end[_\u2581 ]of[_\u2581 ](?:text|turn|sentence|utterance|message)|END_OF_TURN_TOKEN|turn)\|?>|\[EOS\]",
    re.IGNORECASE,
)
"""Special tokens before and after an assistant's turn, where a decoder left them in the text."""

_LATEX = re.compile(r"(?:(?<!\\)\\++|\t)(?:text|ext|math|mbox)(?:bf|it|rm|sf|tt|normal)?+\s*+\{([^{}]*+)\}")
"""LaTeX's text commands; `\\t` of `\\text` may have become a tab, as in Python's "\\text"."""
_LATEX_EDGES = re.compile(r"\\[()\[\],;!]")
_LATEX_SIGNS = re.compile(r"\\([_%&#])")
_COLON_BREAK = re.compile(r":[ \t\r]*+\n\s*+")
_BOX_TAG = re.compile(r"<(?:\|(?:begin|start)_of_box\||box(?:ed)?)>|(</box(?:ed)?>|<\|end_of_box\|>)", re.IGNORECASE)

_COORDINATES = re.compile(r"<box>[\s(\[]*+\d[\d\s.]*+,[\d\s,.()\[\]]*+</box>")
"""Qwen's and others' way to point at a place of the image."""

_REASONING = r"(?:(?:seed:)?think(?:ing)?|thoughts?|reason(?:ing)?|rationale|reflection|analysis|scratchpad|cot)"
_THINK = re.compile(
    rf"<\s*+\|?+\s*+/?+\s*+\|?+\s*+{_REASONING}\s*+\|?+\s*+>|\[/?+THINK(?:ING)?\]|\u25c1/?+think\u25b7"
    r"|<\|(?:begin|start|end)_(?:of_)?(?:thought|thinking|reasoning)\|>|<unused94>(?:thought\b)?+|<unused95>"
    r"|<\|channel\|>(?:analysis|commentary)<\|message\|>"
    r"|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>",
    re.IGNORECASE,
)
"""Opening and closing tags of reasoning: of R1, Qwen, Seed, Mistral, Kimi, Cohere, Gemma and gpt-oss, among others."""
_CLOSING_THINK = re.compile(r"/|end|95|final", re.IGNORECASE)
_ANSWER = re.compile(
    r"<\s*+(/?+)\s*+(?:answer|final[_ ]?answer|final|solution|response|output)\s*+>"
    r"|<\|(?:begin_of|start|(end_of|end))_(?:answer|solution|response)\|>",
    re.IGNORECASE,
)


def normalize(completion: str) -> str:
    """Plain text: compatibility characters decomposed (NFKD), no invisible characters, special tokens around the turn,
    emphasis or LaTeX wrappers.

    Look-alikes (Cyrillic, Greek) and combining marks (a struck-out letter) stay as they are. A line break after a colon
    becomes a space. Tags of boxes become LaTeX's box.
    """
    text = _turn(_INVISIBLE.sub("", decompose(completion)).translate(_EMPHASIS))
    if "\\" in text or "\t" in text:
        text = _LATEX_SIGNS.sub(r"\1", _LATEX_EDGES.sub(" ", text))
        text = _LATEX.sub(r"\1", _LATEX.sub(r"\1", text))  # twice: bold text within text
    if "<" in text and "box" in text.casefold():
        text = _BOX_TAG.sub(lambda tag: "}" if tag[1] else "\\boxed{", _COORDINATES.sub(" ", text))
    return _COLON_BREAK.sub(": ", text)


def decompose(text: str) -> str:
    """NFKD, one character at a time: that of a whole text sorts its marks, which takes more than linear time."""
    return text.translate({ord(one): unicodedata.normalize("NFKD", one) for one in set(text) if not one.isascii()})


def _turn(text: str) -> str:
    """The text without special tokens at its beginning and its end; elsewhere they stay."""
    begin = _BEFORE_TURN.match(text) if "<" in text or "[" in text else None
    end = len(text.rstrip())
    for token in reversed(list(_AFTER_TURN.finditer(text))) if text[end - 1 : end] in (">", "]") else ():
        if token.end() != end:
            break
        end = token.start()
        while end and text[end - 1].isspace():
            end -= 1
    return text[begin.end() if begin else 0 : end]


def strip_reasoning(text: str) -> str:
    """The text outside reasoning tags.

    Before a closing tag without any opening one before it, everything is reasoning: the prompt opened it. After an
    opening tag that is never closed everything is reasoning, unless the text ends in its only answer tag: then the
    closing tag was forgotten.
    """
    nested, closed = _outside_reasoning(text, nested=True)
    return nested if closed else _outside_reasoning(text, nested=False)[0]


def _outside_reasoning(text: str, *, nested: bool) -> tuple[str, bool]:
    """The text outside reasoning, and False if some of it was closed, and the rest was not.

    `nested`: tags may nest; if not, an opening tag within reasoning is only mentioned.
    """
    kept: list[str] = []
    start, depth, opened, closings = 0, 0, False, 0
    for tag in _THINK.finditer(text):
        if not _CLOSING_THINK.search(tag[0]):
            if depth == 0:
                kept.append(text[start : tag.start()])
                start = tag.end()
            depth, opened = depth + 1 if nested else 1, True
        elif depth:
            depth, closings = depth - 1, closings + 1
            start = tag.end() if depth == 0 else start
        else:
            kept.append(text[start : tag.start()] if opened else "")
            start, opened = tag.end(), True
    kept.append(_final_answer_tag(text[start:]) if depth else text[start:])
    return " ".join(kept), not (depth and closings)


def _final_answer_tag(text: str) -> str:
    """The only answer tag of `text` if the text ends with it, else nothing."""
    tags = list(_ANSWER.finditer(text))
    ends = [_closes(tag) for tag in tags] == [False, True] and not text[tags[1].end() :].strip()
    return text[tags[0].start() :] if ends else ""


def _closes(tag: re.Match[str]) -> bool:
    return bool(tag[1] or tag[2])


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
        closes = _closes(tag)
        if depth or (closes and number == 0):
            contents.append(text[start : tag.start()])
        depth = max(depth - 1, 0) if closes else depth + 1
        start = tag.end()
    rest = text[start:]
    unclosed = depth > 0 and bool(rest.strip())
    if unclosed:
        contents.append(rest)
    return [one for one in contents if one.strip()], "" if unclosed else rest, unclosed
