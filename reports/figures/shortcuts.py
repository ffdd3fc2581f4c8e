"""The figure of `shortcuts`: a panel for each benchmark, a row for each policy, a point for what it was shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import BALANCED, NO_IMAGE, PLAIN
from anatomy_r1.results.store import Result
from reports.figures.draw import COLUMN, SMALL, rendered
from reports.scores.names import CONTROLS, benchmark_title, method_title
from reports.scores.scores import Score
from reports.tables.shortcuts import SHOWN, Shortcut, shortcuts

CHANCE = 25.0
"""Of four options."""
ROW, FRAME = 0.36, 0.5
"""Heights in inches: of a policy's row, and of a panel's title and axis."""
STYLES = {
    PLAIN: {"color": "#0072B2", "marker": "o", "markerfacecolor": "#0072B2"},
    NO_IMAGE: {"color": "#D55E00", "marker": "s", "markerfacecolor": "white"},
    BALANCED: {"color": "#009E73", "marker": "^", "markerfacecolor": "#009E73"},
}
"""View -> its points: colours of Okabe and Ito, told apart by shape and filling too."""
OFFSETS = {PLAIN: 0.22, NO_IMAGE: 0.0, BALANCED: -0.22}


def figure_files(results: Sequence[Result]) -> dict[str, bytes]:
    """File name -> content of the figure as PDF, SVG and PNG; fails as `shortcuts`, or if there is nothing to show."""
    found = [one for one in shortcuts(results) if one.policy.method not in CONTROLS]
    if not found:
        raise AnatomyR1Error("no policy ran without its image or with balanced options")
    return {f"shortcuts.{suffix}": content for suffix, content in rendered(lambda: draw(found)).items()}


def draw(found: Sequence[Shortcut]) -> Figure:
    """The figure; it depends only on its argument and the settings."""
    panels: dict[str, list[Shortcut]] = {}
    for one in found:
        panels.setdefault(one.policy.benchmark, []).append(one)
    heights = [ROW * len(of) + FRAME for of in panels.values()]
    figure = Figure(figsize=(1.5 * COLUMN, sum(heights) + 0.35), layout="constrained")
    places = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for axes, (benchmark, of) in zip(places, panels.items(), strict=True):
        _panel(axes, benchmark, of)
    places[-1].set_xlabel("Avg@5, percent, with 95 % interval")
    shown = {label: handle for axes in places for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    order = [name for name in ("chance", *SHOWN.values()) if name in shown]
    figure.legend(
        [shown[name] for name in order], order, loc="outside upper center", ncols=4, fontsize=SMALL, columnspacing=1.0
    )
    return figure


def _panel(axes: Axes, benchmark: str, found: Sequence[Shortcut]) -> None:
    axes.axvline(CHANCE, color="#7F7F7F", linestyle=(0, (4, 2)), linewidth=0.8, label="chance", zorder=1)
    for view, title in SHOWN.items():
        rows = [(-row, one.scores[view]) for row, one in enumerate(found) if view in one.scores]
        if not rows:
            continue
        places, scores = [place + OFFSETS[view] for place, _ in rows], [score for _, score in rows]
        means, errors = [score.percent for score in scores], list(zip(*map(_error, scores), strict=True))
        style: dict[str, Any] = {**STYLES[view], "linestyle": "none", "elinewidth": 1.0, "markersize": 4.0}
        drawn = axes.errorbar(means, places, xerr=errors, label=title, zorder=3, **style)
        drawn.lines[0].set_clip_on(False)  # a point at 100 % is drawn whole
    names = [method_title(one.policy.method, one.policy.arm) for one in found]
    axes.set_yticks([-row for row in range(len(found))], names)
    axes.set_ylim(-len(found) + 0.5, 0.5)
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.set_title(benchmark_title(benchmark), loc="left")


def _error(score: Score) -> tuple[float, float]:
    """How far the interval reaches below and above the score, within 0 and 100 percent."""
    low = score.percent if score.low is None else max(score.low, 0.0)
    high = score.percent if score.high is None else min(score.high, 100.0)
    return score.percent - low, high - score.percent
