"""Points -> panels: means with markers, a band from the lowest to the highest seed, single seeds as thin lines.

How lines look: Okabe and Ito's colours, told apart by marker and dash as well, so that they survive grey printing.

Source of the colours: Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.

A figure -> bytes of PDF, SVG and PNG, the same each time: no date, no random ids, matplotlib's fonts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from types import MappingProxyType
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox

from anatomy_r1.results.store import MATCHED
from reports.figures.points import POOLED
from reports.scores.names import method_title

COLUMN = 3.3
"""Inches: one column of a two-column page."""
SMALL, TEXT = 7.0, 8.0
"""Points; nothing is smaller than `SMALL`."""


class Look(NamedTuple):
    """One line's look."""

    colour: str
    marker: str
    dash: Any


LOOKS: Mapping[str, Look] = MappingProxyType(
    {
        "grpo": Look("#0072B2", "s", "-"),
        "grpo-asc": Look("#D55E00", "o", "-"),
        "grpo-gdqa": Look("#009E73", "^", "-"),
        "gpg": Look("#CC79A7", "D", (0, (4, 1))),
        "dapo": Look("#E69F00", "v", (0, (4, 1))),
        "sft-grpo": Look("#56B4E9", "P", (0, (2, 1))),
        "cot-sft-grpo": Look("#000000", "X", (0, (2, 1))),
    }
)
OTHER = Look("#7F7F7F", ".", ":")
"""Any method without a look of its own."""
QUIET = "#B8B8B8"
"""Lines for comparison."""

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same on every machine
        "font.size": SMALL,
        "axes.titlesize": TEXT,
        "axes.titlepad": 3.0,
        "axes.labelsize": TEXT,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.5,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "xtick.major.size": 2.0,
        "ytick.major.size": 2.0,
        "legend.fontsize": TEXT,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.0,
        "figure.dpi": 100,
        "svg.fonttype": "path",
        "svg.hashsalt": "anatomy-r1",
        "pdf.fonttype": 42,
        "text.parse_math": False,  # no text of ours is mathematics, and a model's dollar signs are dollar signs
        "text.usetex": False,
        "figure.constrained_layout.h_pad": 0.03,
        "figure.constrained_layout.w_pad": 0.03,
    }
)
"""matplotlib settings of every figure, over its own defaults."""


def look(method: str) -> Look:
    """The look of a method's line."""
    return LOOKS.get(method, OTHER)


MEAN, SEED, CONTEXT = "mean", "seed", "context"
"""What a line is, in its `gid`: tests and readers of an SVG tell them apart by it."""
AXIS_TITLES = {"kilotokens": "Rollout tokens (thousands)", "seconds": "Wall-clock of training (s)"}
NOTE_WIDTH = COLUMN - 0.1
"""Inches of a line of the note."""
LINE, LEGEND = 0.118, 0.2
"""Inches: a line of the note, and of the legend."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    name: str
    """Of the points that it shows."""
    title: str = ""
    label: str = ""
    """Of its y axis."""
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Page:
    """What a figure has besides its points."""

    panels: tuple[Panel, ...]
    columns: int
    axis: str
    """`kilotokens` or `seconds`."""
    note: str
    label: str = ""
    """One y label for all panels."""
    panel_height: float = 1.1
    """Inches."""
    legend: bool = True
    """Whether lines are told apart by a legend; not where the panels' titles do."""


def column(labels: Mapping[str, str], axis: str, note: str) -> Page:
    """Panels of several quantities, one above the other: name of the points -> label."""
    panels = tuple(Panel(name, label=label) for name, label in labels.items())
    return Page(panels, columns=1, axis=axis, note=note, panel_height=1.05)


def draw(points: pd.DataFrame, page: Page, context: Mapping[str, pd.DataFrame] | None = None) -> Figure:
    """The figure; `context` has quiet lines by panel. Its pixels depend on nothing but the arguments and the settings.

    Panels of one quantity share both axes, so that they can be compared.
    """
    rows, note = ceil(len(page.panels) / page.columns), wrapped(page.note)
    series = list(dict.fromkeys(points["series"]))
    legend = LEGEND * ceil(len(series) / 2) if page.legend else 0.0
    above = page_of(rows * page.panel_height + legend + 0.25, note)
    grid = above.subplots(rows, page.columns, squeeze=False, sharex=True, sharey=bool(page.label))
    places = list(grid.flat)
    for axes, panel in zip(places, page.panels, strict=False):
        _panel(axes, panel, points[points["panel"] == panel.name], (context or {}).get(panel.name))
    for axes in places[len(page.panels) :]:
        axes.set_visible(False)
    for axes in places[max(0, len(page.panels) - page.columns) : len(page.panels)]:
        axes.tick_params(labelbottom=True)
    places[0].set_xlim(0, 1.04 * points["x"].max() if len(points) else 1)
    above.supxlabel(AXIS_TITLES[page.axis], fontsize=TEXT)
    if page.label:
        above.supylabel(page.label, fontsize=TEXT)
    if page.legend:
        handles = [_handle(name) for name in series]
        above.legend(handles=handles, loc="outside upper center", ncols=2, columnspacing=1.2, handlelength=2.2)
    return above.figure


def wrapped(note: str) -> list[str]:
    """The note in lines of a column's width, as measured in the font that it is set in."""
    lines = [""]
    for word in note.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _width(longer) > NOTE_WIDTH:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _width(text: str) -> float:
    """Inches of a text at `SMALL` points."""
    font = FontProperties(family=SETTINGS["font.family"], size=SMALL)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def page_of(height: float, note: Sequence[str]) -> SubFigure:
    """An empty figure of one column's width, `height` inches, above the lines of its note; `.figure` is the whole."""
    below = LINE * len(note) + 0.06
    whole = Figure(figsize=(COLUMN, height + below), layout="constrained")
    parts: Any = whole.subfigures(2, 1, height_ratios=[height, below], hspace=0)
    above: SubFigure = parts[0]
    parts[1].text(0.04 / COLUMN, 0.04 / below, "\n".join(note), fontsize=SMALL, va="bottom", linespacing=1.15)
    return above


def _panel(axes: Axes, panel: Panel, points: pd.DataFrame, context: pd.DataFrame | None) -> None:
    if context is not None:
        for _, line in context.groupby(["panel", "series"]):
            axes.plot(line["x"], line["value"], color=QUIET, linewidth=0.7, gid=CONTEXT, zorder=1)
    for series, line in points.groupby("series", sort=False):
        _series(axes, str(series), line)
    axes.set_title(panel.title, loc="left")
    axes.set_ylabel(panel.label)
    if panel.limits:
        axes.set_ylim(*panel.limits)


def _series(axes: Axes, series: str, line: pd.DataFrame) -> None:
    colour, marker, dash = look(series)
    pooled, seeds = line[line["seed"] == POOLED], line[line["seed"] != POOLED]
    axes.fill_between(pooled["x"], pooled["low"], pooled["high"], color=colour, alpha=0.18, linewidth=0, zorder=2)
    for _, seed in seeds.groupby("seed"):
        axes.plot(seed["x"], seed["value"], color=colour, alpha=0.35, linewidth=0.5, gid=SEED, zorder=3)
    axes.plot(pooled["x"], pooled["value"], color=colour, marker=marker, linestyle=dash, gid=MEAN, zorder=4)


def _handle(series: str) -> Line2D:
    colour, marker, dash = look(series)
    return Line2D([], [], color=colour, marker=marker, linestyle=dash, label=method_title(series, MATCHED))


_METADATA: Mapping[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "anatomy-r1", "Producer": "matplotlib"},
    "svg": {"Date": None, "Creator": "anatomy-r1"},
    "png": {"Software": "anatomy-r1"},
}
DOTS_PER_INCH = 300
"""Of the PNG."""
PLACES = 5
"""Decimals of a place, as a share of the page: a thirtieth of a PNG's pixel."""


def rendered(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """Suffix -> content of the figure that `draw` makes, drawn and saved under our settings and no others."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(dict(SETTINGS))  # type: ignore[arg-type]
        figure = draw()
        settle(figure)
        return {suffix: _saved(figure, suffix) for suffix in _METADATA}


def settle(figure: Figure) -> None:
    """Lay out once, and round every place: the solver of the layout differs in last bits from process to process."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in figure.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(PLACES))
        for label in (getattr(part, "_supxlabel", None), getattr(part, "_supylabel", None)):
            if label is not None:
                label.set_position(tuple(round(float(place), PLACES) for place in label.get_position()))
        for axes in part.axes:
            axes.set_position(Bbox(axes.get_position().get_points().round(PLACES)))


def _saved(figure: Figure, suffix: str) -> bytes:
    target = BytesIO()
    figure.savefig(target, format=suffix, dpi=DOTS_PER_INCH, metadata=_METADATA[suffix])
    return target.getvalue()
