"""The rule that turns the numbers of a comparison into a verdict (ours).

For a method against a baseline, with p from the sign-flip test over clusters, adjusted by Holm's procedure, in this
order:

1. p <= level: **better** or **worse**, by the sign of the difference.
2. The smallest p that this number of clusters allows, also adjusted, is above the level: **underpowered**. Not even a
   gain in every cluster would have been enough.
3. The minimum detectable difference is larger than the smallest difference of interest: **underpowered**. A difference
   that matters could have been missed.
4. Otherwise: **no detectable difference**. A difference smaller than the minimum detectable one may well exist.

A verdict is about the weights that were compared. For another training of the same methods, better or worse holds if
the interval over clusters and seeds excludes zero, and no detectable difference holds if that interval stays within the
smallest difference of interest; otherwise the verdict is **of these weights** only.
"""

from __future__ import annotations

from typing import Literal

from anatomy_r1.comparison.seeds import RetrainingInterval

Verdict = Literal["better", "worse", "no detectable difference", "underpowered"]

LEVEL = 0.05
"""Chance of at least one false verdict in a family, unless it declares another."""
SMALLEST_DIFFERENCE = 0.05
"""Smallest difference of interest as a share (5 points), unless the family declares another (our guess)."""


def verdict(
    difference: float,
    p: float,
    floor: float,
    detectable: float | None,
    *,
    level: float = LEVEL,
    smallest_difference: float = SMALLEST_DIFFERENCE,
) -> Verdict:
    """Apply the rule; `p` and `floor` are adjusted, and `detectable` is None if no error can be estimated."""
    if p <= level and difference:
        return "better" if difference > 0 else "worse"
    if floor > level:
        return "underpowered"
    if detectable is not None and detectable > smallest_difference:
        return "underpowered"
    return "no detectable difference"


def of_these_weights(
    found: Verdict, retrained: RetrainingInterval | None, smallest_difference: float = SMALLEST_DIFFERENCE
) -> bool:
    """Whether the verdict may not hold for another training; False for underpowered, which is no finding."""
    if found == "underpowered":
        return False
    if retrained is None:
        return True
    if found == "no detectable difference":
        return max(-retrained.low, retrained.high) > smallest_difference
    return retrained.low <= 0 <= retrained.high
