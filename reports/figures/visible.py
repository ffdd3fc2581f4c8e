"""A model's text -> characters that a font can show and that do nothing: no control, no change of direction."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font

_ORDERING = {"R", "AL", "AN"}
"""Bidirectional classes whose text runs from right to left, and would reorder what stands beside it."""
FONT = "DejaVu Sans Mono"


def visible(text: str) -> str:
    r"""The text with every other character written as `\n` or its code point, so that no two texts look alike.

    Example:
        >>> visible("a\n$b$ \u202e")
        'a\\n$b$ \\u202e'
    """
    return "".join(character if _plain(character) else _code(character) for character in text)


def _plain(character: str) -> bool:
    shown = character == " " or unicodedata.category(character)[0] in "LNPS"
    ordered = unicodedata.bidirectional(character) not in _ORDERING
    return shown and ordered and character != "\\" and ord(character) in _known()


def _code(character: str) -> str:
    named = {"\n": r"\n", "\t": r"\t", "\r": r"\r", "\\": "\\\\"}
    if character in named:
        return named[character]
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


@cache
def _known() -> frozenset[int]:
    """Code points of the font that comes with matplotlib."""
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    return frozenset(FT2Font(str(font)).get_charmap())
