"""Figure 2's sample groups: what GRPO answered to one question at the beginning, middle and end of training.

A rule selects the groups (`anatomy_r1/training/curves.py`), for the lowest seed. Equal texts are shown once,
with their number, so a uniform group is one line. `visible` replaces characters that the font lacks, that control a
terminal, or that change the direction of text.
"""

from __future__ import annotations

import json
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from anatomy_r1.training.curves import Curves, SampleGroup
from reports.figures.draw import LINE, SMALL, figure_above, wrapped
from reports.figures.points import Scope
from reports.scores.names import is_mini

METHOD = "grpo"
WIDTH, MOST_LINES = 54, 3
"""Characters per line and lines per text; longer texts end in three dots."""
FONT = "DejaVu Sans Mono"
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
"""Bidirectional classes of characters that would reorder the text beside them."""
INDENT = "   "
RIGHT, WRONG = "#007A5A", "#B34700"
"""Okabe and Ito's green and vermilion, darkened to a contrast of 4.5 on white (ours)."""


def samples(curves: Sequence[Curves], scope: Scope) -> tuple[int | None, tuple[SampleGroup, ...]]:
    """Lowest seed of the scope's GRPO training and its sample groups; empty if there is no such training."""
    wanted = (scope.benchmark, scope.model, METHOD)
    fitting = [one for one in curves if (one.benchmark, one.model, one.method) == wanted]
    lowest = min(fitting, key=lambda one: one.seed, default=None)
    return (lowest.seed, lowest.samples) if lowest else (None, ())


def table(groups: Sequence[SampleGroup]) -> pd.DataFrame:
    """A row for each response; texts are JSON strings, which no spreadsheet takes for a formula."""
    rows = [
        (group.step, group.group, group.anatomy, group.question_id, member, choice, right, json.dumps(text))
        for group in groups
        for member, (choice, right, text) in enumerate(zip(group.choices, group.right, group.completions, strict=True))
    ]
    names = ("step", "group", "anatomy", "question_id", "member", "choice", "right", "completion")
    return pd.DataFrame(rows, columns=list(names))


def figure(groups: Sequence[SampleGroup], seed: int | None, scope: Scope) -> Figure:
    """The groups, one below the other."""
    lines = [line for group in groups for line in [*_block(group), ("", "black")]][:-1]
    words = (
        f"{scope.title}; GRPO, seed {seed}. First, middle and last step with texts: the first all-wrong group, else "
        "the first group. \N{MULTIPLICATION SIGN}: number of responses with this text."
    )
    mini = " Mini world: says nothing about Qwen2.5-VL." if is_mini(scope.benchmark) else ""
    height = LINE * (len(lines) + 0.5)
    above = figure_above(height, wrapped(words + mini))
    for number, (text, colour) in enumerate(lines):
        top = 1 - LINE * (number + 0.4) / height
        above.text(0.012, top, text, color=colour, family=FONT, fontsize=SMALL, va="top", parse_math=False)
    return above.figure


def _block(group: SampleGroup) -> Iterator[tuple[str, str]]:
    """Lines of a group: text and colour."""
    right, total = sum(group.right), len(group.right)
    yield f"Step {group.step}, {visible(group.anatomy)}: {right} of {total} right", "black"
    asked = " ".join((group.prompt.partition("Question:")[2] or group.prompt[-200:]).split())
    yield from _wrapped("", asked, "#555555", most=MOST_LINES + 1)
    answers = Counter(zip(group.completions, group.choices, group.right, strict=True))
    for (text, choice, good), count in answers.most_common():
        head = f"{count}\N{MULTIPLICATION SIGN} {visible(choice or '-')} {'✓' if good else '✗'} "
        yield from _wrapped(head, text, RIGHT if good else WRONG)


def _wrapped(head: str, text: str, colour: str, most: int = MOST_LINES) -> list[tuple[str, str]]:
    """The text in lines of `WIDTH` characters with their colour, all but the first indented."""
    lines = textwrap.wrap(head + visible(text), WIDTH, subsequent_indent=INDENT, break_on_hyphens=False) or [head]
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][: WIDTH - 3] + "..."]
    return [(line, colour) for line in lines]


def visible(text: str) -> str:
    r"""The text with every unprintable character as an escape or code point, so that no two texts look alike.

    Example:
        >>> visible("a\n$b$ \u202e")
        'a\\n$b$ \\u202e'
    """
    escapes = (one if _plain(one) else one.encode("unicode_escape").decode().replace(r"\x", r"\u00") for one in text)
    return "".join(escapes)


def _plain(character: str) -> bool:
    shown = character == " " or unicodedata.category(character)[0] in "LNPS"
    ordered = unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT
    return shown and ordered and character != "\\" and ord(character) in _known()


@cache
def _known() -> frozenset[int]:
    """Code points of `FONT`, which comes with matplotlib."""
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    return frozenset(FT2Font(str(font)).get_charmap())
