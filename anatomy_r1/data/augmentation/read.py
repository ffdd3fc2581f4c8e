"""Stem -> meaning: the acceptance check of every rewrite.

Example:
    >>> meaning("What anatomy is at the bottom-mid of the frame ?") == meaning(
    ...     "Can you identify the anatomy present in the central lower portion of the picture?"
    ... )
    True
"""

from __future__ import annotations

from functools import lru_cache

from anatomy_r1.data.augmentation.meaning import Meaning
from anatomy_r1.data.augmentation.read_free_text import read_free_text
from anatomy_r1.data.augmentation.read_scene import read_scene_question


@lru_cache(maxsize=4096)
def meaning(stem: str) -> Meaning:
    """What a stem asks: read by SSG-VQA's grammar where that fits, else as free text."""
    return read_scene_question(stem) or read_free_text(stem)
