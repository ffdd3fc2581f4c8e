"""The forest plot of Table 1: each method's Avg@5, and its difference to GRPO with both intervals.

A row of panels for each benchmark, with the table's methods in its order. Left: the mean over runs with its 95 %
interval over questions, the runs (bases and seeds) as small dots, chance as a line. Right: the paired difference to
GRPO; the thick bar is for these weights (clusters of questions vary), the thin one for another training too (seeds vary
as well, and bases where there are several; three or more of each). Each interval is of one comparison alone; the dot is
open where the verdict, which allows for all of them (Holm), is neither better nor worse: that of the method if there
are several bases, else that of these weights. A difference that would squeeze all others is a number at the panel's
edge. No text is burnt in besides labels; captions belong to the page. For a phone, the panels stand one above the
other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from anatomy_r1.comparison.compare import Analysis, Comparison
from anatomy_r1.comparison.headlines import method_decided
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.question_table import table_metrics
from anatomy_r1.tables.picture import FAR
from reports.figures.draw import COLUMN, LEGEND, SMALL, rendered
from reports.scores.names import (
    BASELINE,
    CONTROLS,
    METHODS,
    MODELS,
    TITLES,
    benchmark_title,
    is_view,
    method_rank,
    method_title,
    rank,
)
from reports.scores.scores import ALL, AVG, Score, SystemKey, by_key, questions_of, scores, several_bases
from reports.tables.further import against_baseline, compared_with_baseline
from reports.tables.rows import benchmarks

CHANCE = 25.0
"""Percent, of four options."""
ROW, FRAME = 0.17, 0.62
"""Heights in inches: of a row, and of a panel's title and axis."""
MODEL_COLOUR, CONTROL_COLOUR = "#0072B2", "#7F7F7F"
NARROW = 2.6
"""Width in inches where the panels are stacked: on a phone, its letters are then as large as those of the page."""
ACROSS = 5
"""Entries of a legend that fit beside each other."""
THICK, THIN = 2.6, 0.9
"""Widths of the bars of both intervals, in points."""


@dataclass(frozen=True, eq=False)
class ForestRow:
    """One method on one benchmark."""

    system: SystemKey
    score: Score
    seeds: tuple[float, ...]
    """Avg@5 of each seed, in percent."""
    difference: Comparison | None
    """Against GRPO; None for GRPO itself, and for controls without a model."""


ForestRows = dict[str, list[ForestRow]]
"""Benchmark -> its rows, in the order of Table 1."""


def forest_rows(
    results: Sequence[Result], model: str = "", known: Mapping[str, Analysis] = MappingProxyType({})
) -> ForestRows:
    """Benchmark -> rows in the order of Table 1, of the matched arm and one model (default: the paper's larger one).

    Our variants and ablations of the paper's methods are left out; users' own methods are not. `known` has the
    comparisons of a model's methods with GRPO that were made already.

    Raises:
        AnatomyR1Error: when there are no such results.
    """
    further = TITLES.keys() - METHODS.keys() - CONTROLS.keys()
    wanted = [result for result in results if result.arm == MATCHED and result.method not in further]
    kept = [result for result in wanted if not is_view(result.method)]
    names = sorted({result.model for result in kept}, key=lambda name: rank(MODELS, name))
    shown = model or (names[-1] if names else "")
    kept = [result for result in kept if result.model == shown]
    if not kept:
        raise AnatomyR1Error(f"no result of {model or 'any model'} in the matched arm. Fix: name one of the store")
    # With those left out: verdicts allow for the same comparisons as on the page that lists all of them.
    analysis = known.get(shown) or against_baseline(compared_with_baseline(results, shown))
    found = by_key(scores(kept))
    compared = {one.other.name: one for one in analysis.comparisons} if analysis else {}
    rows: ForestRows = {name: [] for name in benchmarks(found)}
    for system in sorted({key[0] for key in found}, key=lambda one: method_rank(one.method)):
        own = [result for result in kept if (result.benchmark, result.method) == (system.benchmark, system.method)]
        seeds = tuple(100 * float(table_metrics(questions_of(result))[AVG].mean()) for result in own)
        name = f"{system.benchmark}/{system.model}/{system.method}/{system.arm}"  # as `SystemRun.from_result` names it
        against = None if system.method in CONTROLS else compared.get(name)
        rows[system.benchmark].append(ForestRow(system, found[system, AVG, ALL], seeds, against))
    return rows


def figure_files(results: Sequence[Result]) -> dict[str, bytes]:
    """File name -> content of the forest plot as PDF, SVG and PNG; fails as `forest_rows`."""
    rows = forest_rows(results)
    return {f"forest.{suffix}": content for suffix, content in rendered(lambda: draw(rows)).items()}


def svg(rows: ForestRows, *, stacked: bool = False) -> bytes:
    """The forest plot for a page; stacked for a phone."""
    return rendered(lambda: draw_stacked(rows) if stacked else draw(rows), ("svg",))["svg"]


def draw(rows: ForestRows) -> Figure:
    """The figure, scores beside differences; it depends only on its argument and the settings."""
    heights = [ROW * len(of) + FRAME for of in rows.values()]
    figure = Figure(figsize=(2 * COLUMN, sum(heights) + 0.3), layout="constrained")
    places = figure.subplots(len(rows), 2, squeeze=False, sharex="col", height_ratios=heights, width_ratios=(1.25, 1))
    _panels(rows, list(places))
    places[-1][0].set_xlabel("Avg@5, percent")
    places[-1][1].set_xlabel("points")
    handles = _legend(rows)
    columns = len(handles) if len(handles) <= ACROSS else (len(handles) + 1) // 2
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, fontsize=SMALL, columnspacing=1.0)
    return figure


def draw_stacked(rows: ForestRows) -> Figure:
    """The same panels one above the other."""
    heights, handles = [ROW * len(of) + FRAME for of in rows.values() for _ in range(2)], _legend(rows)
    figure = Figure(figsize=(NARROW, sum(heights) + LEGEND * len(handles)), layout="constrained")
    places = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for right in places[3::2]:
        right.sharex(places[1])
    _panels(rows, list(zip(places[::2], places[1::2], strict=True)))
    for axes in places:  # titles are wider than the panels, so they begin where the names do
        title = axes.set_title(axes.get_title("left"), loc="left")
        title.set_transform(blended_transform_factory(figure.transFigure, title.get_transform()))
        title.set_x(0.02)
    for (left, right), of in zip(zip(places[::2], places[1::2], strict=True), rows.values(), strict=True):
        right.set_yticklabels(_names(of))
        left.set_xlabel("Avg@5, percent")
        right.set_xlabel("points")
    figure.legend(handles=handles, loc="outside upper left", fontsize=SMALL)
    return figure


def _panels(rows: ForestRows, places: Sequence[Sequence[Axes]]) -> None:
    for number, ((left, right), (benchmark, of)) in enumerate(zip(places, rows.items(), strict=True)):
        _scores(left, of, f"{_letter(2 * number)}  {benchmark_title(benchmark)}")
        _differences(right, of, f"{_letter(2 * number + 1)}  minus {method_title(BASELINE, MATCHED)}")


def _letter(place: int) -> str:
    """Of a panel: a to z, then aa, bb, and so on."""
    return ascii_lowercase[place % len(ascii_lowercase)] * (place // len(ascii_lowercase) + 1)


def several_seeds(rows: ForestRows) -> bool:
    """Whether any mean is one over seeds that differ: these are then drawn as dots."""
    return any(len(set(row.seeds)) > 1 for of in rows.values() for row in of)


def from_several_bases(rows: ForestRows) -> bool:
    """Whether any score is over several bases."""
    return several_bases(row.score for of in rows.values() for row in of)


def retrained(rows: ForestRows) -> bool:
    """Whether any difference has the interval for another training."""
    return any(row.difference is not None and row.difference.retrained for of in rows.values() for row in of)


def undecided(rows: ForestRows) -> bool:
    """Whether any verdict is neither better nor worse."""
    return any(row.difference is not None and not method_decided(row.difference) for of in rows.values() for row in of)


def _legend(rows: ForestRows) -> list[Line2D]:
    """What is drawn, and no more."""
    line: dict[str, Any] = {"color": MODEL_COLOUR, "markersize": 4}
    hollow: dict[str, Any] = {**line, "marker": "o", "linestyle": "none", "markerfacecolor": "white"}
    of_bases = from_several_bases(rows)
    runs, run = ("runs", "one run") if of_bases else ("seeds", "one seed")
    mean = f"mean over {runs}, 95 % interval" if several_seeds(rows) else "score, 95 % interval"
    another = "another training and base" if of_bases else "another training"
    compared = any(row.difference is not None for of in rows.values() for row in of)
    entries = [
        (True, Line2D([], [], label=mean, marker="o", linewidth=1.2, **line)),
        (several_seeds(rows), Line2D([], [], label=run, marker=".", linestyle="none", alpha=0.5, **line)),
        (compared, Line2D([], [], label="these weights", linewidth=THICK, color=MODEL_COLOUR)),
        (retrained(rows), Line2D([], [], label=another, linewidth=THIN, color=MODEL_COLOUR)),
        (undecided(rows), Line2D([], [], label="neither better nor worse", **hollow)),
        (True, Line2D([], [], label="chance", color=CONTROL_COLOUR, linestyle=(0, (4, 2)), linewidth=0.8)),
    ]
    return [handle for drawn, handle in entries if drawn]


def _names(rows: Sequence[ForestRow]) -> list[str]:
    return [method_title(row.system.method, MATCHED) for row in rows]


def _colour(row: ForestRow) -> str:
    return CONTROL_COLOUR if row.system.method in CONTROLS else MODEL_COLOUR


def _scores(axes: Axes, rows: Sequence[ForestRow], title: str) -> None:
    axes.axvline(CHANCE, color=CONTROL_COLOUR, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
    for place, row in enumerate(rows):
        score, colour = row.score, _colour(row)
        if score.low is not None and score.high is not None:
            axes.plot([max(score.low, 0), min(score.high, 100)], [place, place], color=colour, linewidth=1.2, zorder=2)
        if len(set(row.seeds)) > 1:
            axes.plot(
                row.seeds, [place - 0.28] * len(row.seeds), ".", color=colour, alpha=0.5, markersize=2.5, zorder=2
            )
        axes.plot([score.percent], [place], "o", color=colour, markersize=3.6, zorder=3, clip_on=False)
    _frame(axes, rows, title)
    axes.set_yticks(range(len(rows)), _names(rows))
    axes.set_xlim(0, 100)


def _differences(axes: Axes, rows: Sequence[ForestRow], title: str) -> None:
    axes.axvline(0, color="#000000", linewidth=0.7, zorder=1)
    for place, row in enumerate(rows):
        if row.difference is None:
            continue
        interval, wide = row.difference.difference(AVG).interval, row.difference.retrained
        if abs(100 * interval.mean) > FAR:
            _at_the_edge(axes, place, 100 * interval.mean)
            continue
        if wide is not None:
            axes.plot([100 * wide.low, 100 * wide.high], [place, place], color=MODEL_COLOUR, linewidth=THIN, zorder=2)
        if interval.low is not None and interval.high is not None:
            bounds = [100 * interval.low, 100 * interval.high]
            axes.plot(bounds, [place, place], color=MODEL_COLOUR, linewidth=THICK, solid_capstyle="butt", zorder=3)
        inside = MODEL_COLOUR if method_decided(row.difference) else "white"
        axes.plot(
            [100 * interval.mean], [place], "o", color=MODEL_COLOUR, markerfacecolor=inside, markersize=3.6, zorder=4
        )
    _frame(axes, rows, title)
    axes.set_yticks(range(len(rows)), [""] * len(rows))


def _at_the_edge(axes: Axes, place: int, points: float) -> None:
    """An arrow and the number, on the side on which the difference lies."""
    x, arrow, side = (0.02, "\u25c2", "left") if points < 0 else (0.98, "\u25b8", "right")
    said = f"{arrow} {points:+.1f}".replace("-", "\u2212")
    axes.text(
        x, place, said, transform=axes.get_yaxis_transform(), color=MODEL_COLOUR, fontsize=SMALL, ha=side, va="center"
    )


def _frame(axes: Axes, rows: Sequence[ForestRow], title: str) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_title(title, loc="left")
