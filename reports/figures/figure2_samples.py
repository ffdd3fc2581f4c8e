"""Figure 2's sample groups: what GRPO answered to one question at the beginning, middle and end of training.

A rule selects the groups (`anatomy_r1/training/curves.py`), for the lowest seed, of the first base. Equal texts are
shown once, with their number, so a uniform group is one line. Beside a group stands its picture: one that was saved
(`pictures/BENCHMARK/ID.png` beside the curves), or that of the run's prepared set; real images are never drawn.
`visible` replaces characters that the font lacks, that control a
terminal, or that change the direction of text.
"""

from __future__ import annotations

import json
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from anatomy_r1.bases import RunKey
from anatomy_r1.data.images import open_rgb
from anatomy_r1.data.prepared import MANIFEST, load
from anatomy_r1.training.curves import Curves, SampleGroup
from reports.figures.draw import COLUMN, LINE, SMALL
from reports.figures.points import Scope
from reports.scores.names import is_mini

METHOD = "grpo"
FOLDER = "pictures"
"""Beside the curves: pictures of the questions of their sample groups."""
PICTURE = 0.95
"""Side of a picture in inches."""
WIDTH, MOST_LINES = 54, 3
"""Characters per line and lines per text; longer texts end in three dots."""
FONT = "DejaVu Sans Mono"
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
"""Bidirectional classes of characters that would reorder the text beside them."""
INDENT = "   "
RIGHT, WRONG = "#007A5A", "#B34700"
"""Okabe and Ito's green and vermilion, darkened to a contrast of 4.5 on white (ours)."""


def samples(curves: Sequence[Curves], scope: Scope) -> tuple[RunKey | None, tuple[SampleGroup, ...]]:
    """The scope's first GRPO training, by seed and base, and its sample groups; empty if there is no such training."""
    wanted = (scope.benchmark, scope.model, METHOD)
    fitting = [one for one in curves if (one.benchmark, one.model, one.method) == wanted]
    lowest = min(fitting, key=lambda one: (one.seed, one.base), default=None)
    return (lowest.run, lowest.samples) if lowest else (None, ())


def table(groups: Sequence[SampleGroup]) -> pd.DataFrame:
    """A row for each response; texts are JSON strings, which no spreadsheet takes for a formula."""
    rows = [
        (group.step, group.group, group.anatomy, group.question_id, member, choice, right, json.dumps(text))
        for group in groups
        for member, (choice, right, text) in enumerate(zip(group.choices, group.right, group.completions, strict=True))
    ]
    names = ("step", "group", "anatomy", "question_id", "member", "choice", "right", "completion")
    return pd.DataFrame(rows, columns=list(names))


def caption(run: RunKey | None, scope: Scope, shown: int) -> str:
    """What a reader of the drawing must know; `shown` pictures were found."""
    seed, base = (run.seed, f" of base {run.base}" if run.base else "") if run else (None, "")
    words = (
        f"{scope.title}; GRPO, seed {seed}{base}. First, middle and last step with texts: the first all-wrong group, "
        "else the first group. \N{MULTIPLICATION SIGN}: number of responses with this text."
    )
    without = "" if shown else " Without their pictures, which are not beside the curves."
    mini = " Mini world: says nothing about Qwen2.5-VL." if is_mini(scope.benchmark) else ""
    return words + without + mini


def pictures(groups: Sequence[SampleGroup], scope: Scope, folder: Path | None) -> dict[str, Any]:
    """Question id -> its picture, of generated questions only; those that are not found are left out."""
    if folder is None or not is_mini(scope.benchmark):
        return {}
    saved = {group.question_id: folder / FOLDER / scope.benchmark / f"{group.question_id}.png" for group in groups}
    root = (folder / FOLDER).resolve()
    found = {name: path for name, path in saved.items() if path.is_file() and path.resolve().is_relative_to(root)}
    data = folder / "data" / scope.benchmark
    if len(found) < len(saved) and (data / MANIFEST).is_file():
        prepared = load(data)
        found |= {one.id: prepared.image_root / one.image for one in prepared.questions if one.id in saved}
    return {name: open_rgb(path) for name, path in found.items()}


def figure(groups: Sequence[SampleGroup], shown: Mapping[str, Any]) -> Figure:
    """The groups, one below the other, each with its picture on the left."""
    blocks = [list(_block(group)) for group in groups]
    least = PICTURE / LINE if shown else 0
    rows = [max(len(block), least) + 1.0 for block in blocks]
    beside, height = (PICTURE + 0.1 if shown else 0.0), LINE * sum(rows)
    whole = Figure(figsize=(COLUMN + beside, height))
    width, top = COLUMN + beside, 1.0
    for group, block, row in zip(groups, blocks, rows, strict=True):
        if group.question_id in shown:
            side = PICTURE / width, PICTURE / height
            axes = whole.add_axes((0.03 / width, top - 0.04 / height - side[1], *side))
            axes.imshow(shown[group.question_id], interpolation="nearest")
            axes.set_axis_off()
        for number, (text, colour) in enumerate(block):
            place = ((beside + 0.04) / width, top - LINE * (number + 0.4) / height)
            whole.text(*place, text, color=colour, family=FONT, fontsize=SMALL, va="top", parse_math=False)
        top -= LINE * row / height
    return whole


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
