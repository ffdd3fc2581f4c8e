"""Drawing: points -> a figure with panels -> PDF, SVG and PNG, with the same bytes each time.

A thick line is the mean, with markers; thin lines are single seeds. A panel has a letter, and a dashed line at chance
where its quantity has one. Captions stand beside the figure, in a file of their own. Methods differ in colour (Okabe
and Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/), marker and dash, so that figures can be
printed in grey. Files contain no date and no random ids, and use matplotlib's fonts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from string import ascii_lowercase
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from anatomy_r1.results.store import MATCHED
from reports.figures.points import POOLED
from reports.scores.names import method_title

COLUMN = 3.3
"""Width in inches: one column of a two-column page."""
SMALL, TEXT = 7.0, 8.0
"""Font sizes in points; nothing is smaller than `SMALL`."""


class Style(NamedTuple):
    """Style of a method's lines."""

    color: str
    marker: str
    linestyle: Any


STYLES = {
    "grpo": Style("#0072B2", "s", "-"),
    "grpo-asc": Style("#D55E00", "o", "-"),
    "grpo-gdqa": Style("#009E73", "^", "-"),
    "gpg": Style("#CC79A7", "D", (0, (4, 1))),
    "dapo": Style("#E69F00", "v", (0, (4, 1))),
    "sft-grpo": Style("#56B4E9", "P", (0, (2, 1))),
    "cot-sft-grpo": Style("#000000", "X", (0, (2, 1))),
}
OTHER_STYLE = Style("#7F7F7F", ".", ":")
"""Of any other method."""
CONTEXT_COLOUR = "#B8B8B8"
"""Of the lines that a panel shows for comparison."""

SETTINGS: Mapping[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the same on every machine
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
    "svg.hashsalt": "anatomy-r1",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a dollar sign in a model's text is a dollar sign
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}
"""matplotlib settings of every figure, on top of its defaults."""


MEAN, SEED, CONTEXT, CHANCE = "mean", "seed", "context", "chance"
"""Kinds of lines, as their `gid`, which identifies them in tests and in an SVG."""
AXIS_TITLES = {"kilotokens": "Rollout tokens (thousands)", "seconds": "Wall-clock time of training (s)"}
LINE, LEGEND = 0.118, 0.2
"""Heights in inches of a line of text and of the legend."""
_METADATA: Mapping[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "anatomy-r1", "Producer": "matplotlib"},
    "svg": {"Date": None, "Creator": "anatomy-r1"},
    "png": {"Software": "anatomy-r1"},
}
DOTS_PER_INCH = 300
"""Resolution of the PNG."""
PLACES = 5
"""Decimals of a position, as a share of the figure: a thirtieth of a pixel of the PNG."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    name: str
    """Value of `panel` in the points that it shows."""
    title: str = ""
    label: str = ""
    """Label of its y axis."""
    limits: tuple[float, float] | None = None
    chance: float | None = None
    """Where guessing would be; None if the quantity has no such place."""


def draw(
    points: pd.DataFrame,
    panels: Sequence[Panel],
    context: Mapping[str, pd.DataFrame],
    *,
    axis: str,
    label: str,
    legend: bool,
) -> Figure:
    """The figure; it depends only on the arguments and the settings.

    `context` has the points of each panel's grey lines for comparison. `label` is the one y label of all panels, which
    then stand in two columns and share their y axis; without it, they stand one above the other.
    """
    columns, panel_height = (2, 1.1) if label else (1, 1.05)
    rows, series = ceil(len(panels) / columns), list(dict.fromkeys(points["series"]))
    legend_height = LEGEND * ceil(len(series) / 2) if legend else 0.0
    figure = Figure(figsize=(COLUMN, rows * panel_height + legend_height + 0.25), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=bool(label)).flat)
    for letter, axes, panel in zip(ascii_lowercase, places, panels, strict=False):
        _panel(axes, panel, points[points["panel"] == panel.name], context.get(panel.name))
        axes.set_title(f"{letter}  {panel.title}".rstrip(), loc="left")
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    for axes in places[max(0, len(panels) - columns) : len(panels)]:
        axes.tick_params(labelbottom=True)
    places[0].set_xlim(0, 1.04 * points["x"].max() if len(points) else 1)
    figure.supxlabel(AXIS_TITLES[axis], fontsize=TEXT)
    if label:
        figure.supylabel(label, fontsize=TEXT)
    if legend:
        styles = {name: STYLES.get(name, OTHER_STYLE)._asdict() for name in series}
        handles = [Line2D([], [], label=method_title(name, MATCHED), **style) for name, style in styles.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, columnspacing=1.2, handlelength=2.2)
    return figure


def _panel(axes: Axes, panel: Panel, points: pd.DataFrame, context: pd.DataFrame | None) -> None:
    if panel.chance is not None:
        axes.axhline(panel.chance, color="#7F7F7F", linestyle=(0, (4, 2)), linewidth=0.8, gid=CHANCE, zorder=1)
    if context is not None:
        for _, line in context.groupby(["panel", "series"]):
            axes.plot(line["x"], line["value"], color=CONTEXT_COLOUR, linewidth=0.7, gid=CONTEXT, zorder=1)
    for series, line in points.groupby("series", sort=False):
        _series(axes, str(series), line)
    axes.set_ylabel(panel.label)
    if panel.limits:
        axes.set_ylim(*panel.limits)


def _series(axes: Axes, series: str, line: pd.DataFrame) -> None:
    style = STYLES.get(series, OTHER_STYLE)
    pooled, seeds = line[line["seed"] == POOLED], line[line["seed"] != POOLED]
    for _, seed in seeds.groupby("seed"):
        axes.plot(seed["x"], seed["value"], color=style.color, alpha=0.35, linewidth=0.5, gid=SEED, zorder=3)
    axes.plot(pooled["x"], pooled["value"], gid=MEAN, zorder=4, **style._asdict())


def rendered(draw: Callable[[], Figure], suffixes: Sequence[str] = ("pdf", "svg", "png")) -> dict[str, bytes]:
    """Suffix -> content of the figure that `draw` makes, drawn and saved under `SETTINGS` alone."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(dict(SETTINGS))  # type: ignore[arg-type]
        figure = draw()
        settle(figure)
        files = {}
        for suffix in suffixes:
            target = BytesIO()
            figure.savefig(target, format=suffix, dpi=DOTS_PER_INCH, metadata=_METADATA[suffix])
            files[suffix] = target.getvalue()
    return files


def settle(figure: Figure) -> None:
    """Lay out once and round every position: the layout solver's last bits differ between processes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for label in (getattr(figure, "_supxlabel", None), getattr(figure, "_supylabel", None)):
        if label is not None:
            label.set_position(tuple(round(float(place), PLACES) for place in label.get_position()))
    for axes in figure.axes:
        axes.set_position(Bbox(axes.get_position().get_points().round(PLACES)))
