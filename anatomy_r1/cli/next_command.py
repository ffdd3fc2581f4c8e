"""The last line of an error: the command to type next."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from anatomy_r1.errors import AnatomyR1Error, IncompleteError

_TOLD = re.compile(r"\b(?:anatomy-r1 [a-z-]+|python -m [a-z_.]+|hf download|pip install|lm-eval) [^`\s]")
"""A command with at least one argument, as a message states it."""


def next_line(error: AnatomyR1Error, program: str, words: Sequence[str]) -> str:
    """The corrected command where the error knows it; where examples and options are if it knows no fix; else empty.

    Args:
        error: what went wrong.
        program: such as `anatomy-r1 export hub`.
        words: what was typed after `anatomy-r1`.

    Example:
        >>> next_line(AnatomyR1Error("a folder", instead=("runs", "runs/a b")), "anatomy-r1 score", ["score", "runs"])
        "next: anatomy-r1 score 'runs/a b'"
    """
    if error.instead and (corrected := _corrected(words, *error.instead)):
        return f"next: {shlex.join(['anatomy-r1', *corrected])}"
    if isinstance(error, IncompleteError) or "Fix: " in str(error) or _TOLD.search(str(error)):
        return ""
    return f"examples and options: {program} --help"


def _corrected(words: Sequence[str], wrong: str, right: str) -> list[str]:
    """The words with the last one that names `wrong` replaced; empty if none does."""
    if not wrong:
        return [*words, *shlex.split(right)]
    for at in range(len(words) - 1, -1, -1):
        before, equals, path = words[at].rpartition("=")  # --data=DIR, or NAME=PATH
        for start, named in (("", words[at]), (before + equals, path)):
            if named == wrong or (named and os.path.normpath(named) == os.path.normpath(wrong)):
                return [*words[:at], start + right, *words[at + 1 :]]
    return []
