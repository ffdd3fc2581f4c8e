"""How lines look: Okabe and Ito's colours, told apart by marker and dash as well, so that they survive grey printing.

Source of the colours: Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

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
