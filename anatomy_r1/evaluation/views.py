"""Views: how a policy is shown the questions. Every view but the plain one is a control that needs no training.

A row of the grid and of the result store is a method under a view: `grpo` is the plain one, and `grpo@no-image` is
GRPO's checkpoint asked without the images.
"""

from __future__ import annotations

from collections.abc import Mapping

from anatomy_r1.data import variants
from anatomy_r1.errors import AnatomyR1Error

PLAIN = "plain"
NO_IMAGE = "no-image"
WRONG_IMAGE = "wrong-image"
ROTATIONS = "rotations"
BALANCED = "balanced"

VIEWS: Mapping[str, Mapping[str, str]] = {
    PLAIN: {},
    NO_IMAGE: {"images": "none"},
    WRONG_IMAGE: {"images": "swapped"},  # the image of a question from another cluster
    ROTATIONS: {"options": "rotated"},
    BALANCED: {},  # asked the benchmark's balanced variant (`asked_benchmark`)
}
"""View -> its options of `anatomy_r1.evaluation.evaluate.evaluate`."""

_SEPARATOR = "@"


def asked_benchmark(benchmark: str, view: str) -> str:
    """The benchmark whose test questions a policy of this one is asked: its balanced variant, or itself."""
    original = variants.original_name(benchmark)
    return variants.variant_name(original, variants.BALANCED) if view == BALANCED else benchmark


def row_name(method: str, view: str) -> str:
    """Name of a method's row under a view; the plain view is not named."""
    return method if view == PLAIN else f"{method}{_SEPARATOR}{view}"


def split_row(row: str) -> tuple[str, str]:
    """Method and view of a row's name; a name without a known view is a method's."""
    method, separator, view = row.rpartition(_SEPARATOR)
    return (method, view) if separator and view in VIEWS else (row, PLAIN)


def parse_row(row: str) -> tuple[str, str]:
    """As `split_row`, for a name typed by a user; an AnatomyR1Error if the part after `@` is not a view."""
    method, view = split_row(row)
    if _SEPARATOR in method:
        name = row.rpartition(_SEPARATOR)[2]
        raise AnatomyR1Error(f"no view {name!r}; there are: {', '.join(VIEWS)}")
    return method, view
