"""Views: what a policy is shown of a question. Every view but the plain one is a control that needs no training.

A row of the grid and of the result store is a method under a view: `grpo` is the plain one, `grpo@no-image` GRPO's
checkpoint asked without the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from anatomy_r1.errors import AnatomyR1Error

PLAIN = "plain"
NO_IMAGE = "no-image"
WRONG_IMAGE = "wrong-image"
ROTATIONS = "rotations"

VIEWS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        PLAIN: MappingProxyType({}),
        NO_IMAGE: MappingProxyType({"images": "none"}),
        WRONG_IMAGE: MappingProxyType({"images": "swapped"}),  # the picture of a question of another cluster
        ROTATIONS: MappingProxyType({"options": "rotated"}),
    }
)
"""View -> arguments of `anatomy_r1.evaluation.evaluate.evaluate` that make it."""

_BETWEEN = "@"


def row(method: str, view: str) -> str:
    """Name of a method under a view; the plain view goes without saying."""
    return method if view == PLAIN else f"{method}{_BETWEEN}{view}"


def parts(row: str) -> tuple[str, str]:
    """Method and view of a row's name; what has no known view behind it is a method, whatever its name."""
    method, between, view = row.rpartition(_BETWEEN)
    return (method, view) if between and view in VIEWS else (row, PLAIN)


def checked(row: str) -> tuple[str, str]:
    """As `parts`, for a name that a person typed.

    Raises:
        AnatomyR1Error: when what stands behind `@` is no view; lists those there are.
    """
    method, view = parts(row)
    if _BETWEEN in method:
        name = row.rpartition(_BETWEEN)[2]
        raise AnatomyR1Error(f"no view {name!r}; there are: {', '.join(VIEWS)}")
    return method, view
