"""Ways of naming the nine cells of SSG-VQA's position grid, and back.

Example:
    >>> place_of("lower-center"), place_of("central lower"), place_of("left")
    ('bottom-mid', 'bottom-mid', '')
"""

from __future__ import annotations

ROWS = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}
COLUMNS = {"left": "left", "left-hand": "left", "right": "right", "right-hand": "right"}
MIDDLES = frozenset({"mid", "middle", "center", "centre", "central"})
NOWHERE = "None"
"""Stands where a position should in 2 of the 3,000 released stems; it is kept as it is."""

_WORDS = (*ROWS, *COLUMNS, *MIDDLES, NOWHERE.lower())
PLACE = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
"""Pattern of one word of a position, in lower case."""
PLACE_PHRASE = rf"{PLACE}(?:[ -]{PLACE})?"
"""Pattern of a position; `place_of` decides whether it names one cell."""

# Our wordings; the paper shows "lower-center" and "central lower portion" (section Group Diversity ... Augmentation).
OWN_WORDS: dict[str, tuple[str, ...]] = {
    "top-left": ("upper left", "upper-left", "top left"),
    "top-mid": ("upper middle", "upper-center", "top center"),
    "top-right": ("upper right", "upper-right", "top right"),
    "mid-left": ("middle left", "center-left", "left middle"),
    "center": ("middle", "centre", "center"),
    "mid-right": ("middle right", "center-right", "right middle"),
    "bottom-left": ("lower left", "lower-left", "bottom left"),
    "bottom-mid": ("lower middle", "lower-center", "bottom center"),
    "bottom-right": ("lower right", "lower-right", "bottom right"),
}


def place_of(phrase: str) -> str:
    """SSG-VQA's name of the cell that a phrase names; empty when it names none, or more than one (`left`, `top`)."""
    joined = phrase.lower().replace("left-hand", "left").replace("right-hand", "right")
    words = joined.replace("-", " ").split()
    if words == [NOWHERE.lower()]:
        return NOWHERE
    if len(words) > 2 or not set(words) <= set(_WORDS):
        return ""
    rows = [ROWS[word] for word in words if word in ROWS]
    columns = [COLUMNS[word] for word in words if word in COLUMNS]
    middles = sum(word in MIDDLES for word in words)
    return _cell(rows, columns, middles) if len(rows) + len(columns) + middles == len(words) else ""


def _cell(rows: list[str], columns: list[str], middles: int) -> str:
    if len(rows) == 1 and len(columns) == 1:
        return f"{rows[0]}-{columns[0]}"
    if middles == 1 and len(rows) == 1:
        return f"{rows[0]}-mid"
    if middles == 1 and len(columns) == 1:
        return f"mid-{columns[0]}"
    return "center" if middles == 1 and not rows and not columns else ""


def own_words(place: str, turn: int) -> str:
    """One of our wordings of a position; `turn` counts round. A position that is none keeps its word."""
    words = OWN_WORDS.get(place, (place,))
    return words[turn % len(words)]
