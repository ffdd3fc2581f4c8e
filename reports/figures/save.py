"""A figure -> bytes of PDF, SVG and PNG, the same each time: no date, no random ids, matplotlib's fonts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from reports.figures.look import SETTINGS

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
