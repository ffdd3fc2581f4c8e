"""Widths and heights of pictures, so that a page does not jump when they arrive."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image, UnidentifiedImageError

Size = tuple[int, int]
"""Width and height in pixels."""
_BOX = re.compile(rb"viewBox=[\"']\s*[-\d.]+[ ,]+[-\d.]+[ ,]+([\d.]+)[ ,]+([\d.]+)")
_PIXELS = 96 / 72
"""Of CSS in a point, the unit of our drawings."""


def picture_size(path: Path) -> Size | None:
    """The size of a picture or a drawing; None where it does not say."""
    if path.suffix == ".svg":
        found = _BOX.search(path.read_bytes()[:4096])
        return (round(float(found[1]) * _PIXELS), round(float(found[2]) * _PIXELS)) if found else None
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        return None


def lines_only(path: Path) -> bool:
    """Whether a drawing holds no picture, so that its colours may be turned in dark mode."""
    return path.suffix == ".svg" and b"<image" not in path.read_bytes()
