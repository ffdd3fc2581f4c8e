"""A figure -> bytes of PDF, SVG and PNG, the same each time: no date, no random ids, matplotlib's fonts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.figures.look import SETTINGS

_METADATA: Mapping[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "anatomy-r1", "Producer": "matplotlib"},
    "svg": {"Date": None, "Creator": "anatomy-r1"},
    "png": {"Software": "anatomy-r1"},
}
DOTS_PER_INCH = 300
"""Of the PNG."""


def rendered(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """Suffix -> content of the figure that `draw` makes, drawn and saved under our settings and no others."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        figure = draw()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, for all three formats
        return {suffix: _saved(figure, suffix) for suffix in _METADATA}


def _saved(figure: Figure, suffix: str) -> bytes:
    target = BytesIO()
    figure.savefig(target, format=suffix, dpi=DOTS_PER_INCH, metadata=_METADATA[suffix])
    return target.getvalue()
