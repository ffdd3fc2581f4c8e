"""The one place where numbers become words. The rule is ours.

In this order, for a method against a baseline, with p from the sign-flip test over clusters, adjusted by Holm:

1. p <= level: **better** or **worse**, by the sign of the difference.
2. The smallest p that this number of clusters allows, adjusted by Holm likewise, is above the level: **underpowered**.
   Not even a gain in every single cluster would have sufficed.
3. The minimum detectable difference is larger than the smallest difference of interest: **underpowered**. A difference
   that matters could have gone unseen.
4. Otherwise: **no detectable difference**. A difference smaller than the minimum detectable one may well exist.

All of it is about the weights that were compared. For another training of the same methods a better or worse holds
where the interval over clusters and seeds leaves zero out, and no detectable difference where it stays within the
smallest difference of interest; else the verdict is **of these weights**.
"""

from __future__ import annotations

from typing import Literal

from anatomy_r1.comparison.seeds import Retrained

Verdict = Literal["better", "worse", "no detectable difference", "underpowered"]

LEVEL = 0.05
"""Chance of at least one false verdict in a family, unless the family declares another."""
SMALLEST_DIFFERENCE = 0.05
"""Smallest difference of interest as a share (5 points), unless the family declares another. A guess of ours."""


def verdict(
    difference: float,
    p: float,
    floor: float,
    detectable: float | None,
    *,
    level: float = LEVEL,
    smallest_difference: float = SMALLEST_DIFFERENCE,
) -> Verdict:
    """The rule above; `p` and `floor` as Holm adjusts them, `detectable` None where no error can be estimated."""
    if p <= level and difference:
        return "better" if difference > 0 else "worse"
    if floor > level:
        return "underpowered"
    if detectable is not None and detectable > smallest_difference:
        return "underpowered"
    return "no detectable difference"


def of_these_weights(
    said: Verdict, retrained: Retrained | None, smallest_difference: float = SMALLEST_DIFFERENCE
) -> bool:
    """Whether the rule above leaves open what another training would give; what is underpowered was never decided."""
    if said == "underpowered":
        return False
    if retrained is None:
        return True
    if said == "no detectable difference":
        return max(-retrained.low, retrained.high) > smallest_difference
    return retrained.low <= 0 <= retrained.high
