"""Dose and response: what ASC-Learning and GDQA gain over GRPO, by the strength of the mechanism each is meant for.

A column for each mechanism, its doses from none on. Above: the paired difference to GRPO of both methods; the thick bar
is for these weights (clusters of questions vary), the thin one for another training too, where there are three seeds.
Below: GRPO's own Avg@5, since little can be gained where it is near 100 % already. The caption belongs to the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anatomy_r1.comparison.calibration import METRIC
from anatomy_r1.results.store import MATCHED, Result
from reports.figures.draw import COLUMN, SMALL, STYLES, rendered
from reports.figures.forest import CHANCE, CONTROL_COLOUR, THICK, THIN
from reports.scores.names import BASELINE, benchmark_title, method_title
from reports.tables.calibration import GAINED, Response, responses

BESIDE = 0.12
"""How far both methods stand beside the dose, in doses."""
HEIGHTS = (1.5, 0.9)
"""In inches: of a panel of differences, and of scores."""
MARK = 3.6
"""Size of a mark, in points."""


def figure_files(results: Sequence[Result]) -> dict[str, bytes]:
    """File name -> content of the figure as PDF, SVG and PNG; empty where no model was given a dose."""
    found = [one for one in responses([one for one in results if one.arm == MATCHED]) if one.grpo]
    if not any(one.dose for one in found):
        return {}
    return {f"doses.{suffix}": content for suffix, content in rendered(lambda: draw(found)).items()}


def draw(found: Sequence[Response]) -> Figure:
    """The figure; it depends only on its argument and the settings."""
    columns = list(_columns(found))
    figure = Figure(figsize=(max(COLUMN, 0.75 * COLUMN * len(columns)), sum(HEIGHTS) + 0.7), layout="constrained")
    places = figure.subplots(2, len(columns), squeeze=False, sharex="col", sharey="row", height_ratios=HEIGHTS)
    for place, (letter, (title, mechanism, of)) in enumerate(zip("abcdefgh", columns, strict=False)):
        above, below = places[:, place]
        strengths = [one.dose.get(mechanism, 0.0) for one in of]
        _gains(above, of)
        _scores(below, of)
        above.set_title(f"{letter}  {title}", loc="left")
        below.set_xticks(range(len(of)), [f"{strength:g}" for strength in strengths])
        below.set_xlabel(f"dose of {mechanism}")
        below.set_xlim(-0.5, len(of) - 0.5)
    places[0][0].set_ylabel("points over GRPO")
    places[1][0].set_ylabel("GRPO, Avg@5")
    handles = [Line2D([], [], label=method_title(name, MATCHED), **_style(name)) for name in GAINED]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(GAINED), fontsize=SMALL)
    return figure


def _columns(found: Sequence[Response]) -> Iterator[tuple[str, str, list[Response]]]:
    """A title, a mechanism, and its doses in order, the common dose 0 first; for each benchmark and mechanism."""
    by_benchmark = [(name, list(of)) for name, of in groupby(found, key=lambda one: one.benchmark)]
    for benchmark, of in by_benchmark:
        mechanisms = dict.fromkeys(name for one in of for name in one.dose)
        for mechanism in mechanisms:
            title = f"{mechanism}, {benchmark_title(benchmark)}" if len(by_benchmark) > 1 else mechanism
            own = [one for one in of if not one.dose or set(one.dose) == {mechanism}]
            yield title, mechanism, sorted(own, key=lambda one: one.dose.get(mechanism, 0.0))


def _gains(axes: Axes, of: Sequence[Response]) -> None:
    axes.axhline(0, color="#000000", linewidth=0.7, zorder=1)
    for offset, method in zip((-BESIDE, BESIDE), GAINED, strict=True):
        style, means = _style(method), []
        for place, one in enumerate(of):
            if method not in one.gains:
                continue
            interval, wide = one.gains[method].difference(METRIC).interval, one.gains[method].retrained
            means.append((place + offset, 100 * interval.mean))
            if wide is not None:
                _bar(axes, place + offset, (wide.low, wide.high), style["color"], THIN)
            _bar(axes, place + offset, (interval.low, interval.high), style["color"], THICK)
        if means:
            axes.plot(*zip(*means, strict=True), linewidth=0.8, zorder=4, **style)
    axes.grid(visible=False, axis="x")


def _scores(axes: Axes, of: Sequence[Response]) -> None:
    style = _style(BASELINE)
    axes.axhline(CHANCE, color=CONTROL_COLOUR, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
    levels = [one.grpo for one in of if one.grpo]
    for place, level in enumerate(levels):
        _bar(axes, place, (level.low, level.high), style["color"], THICK)
    axes.plot(range(len(levels)), [100 * level.mean for level in levels], linewidth=0.8, zorder=4, **style)
    axes.set_ylim(0, 100)
    axes.grid(visible=False, axis="x")


def _bar(axes: Axes, place: float, bounds: tuple[float | None, float | None], colour: str, width: float) -> None:
    low, high = bounds
    if low is not None and high is not None:
        axes.plot(
            [place, place], [100 * low, 100 * high], color=colour, linewidth=width, solid_capstyle="butt", zorder=3
        )


def _style(method: str) -> Mapping[str, Any]:
    style = STYLES[method]
    return {"color": style.color, "marker": style.marker, "markersize": MARK}
