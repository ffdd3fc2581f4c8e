"""A statement of one of the paper's figures, as a quantity that can be measured in training, with a direction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from reports.figures.measures import FIRST_THIRD, LAST_THIRD, PerSeed, Window, change


@dataclass(frozen=True)
class Claim:
    """One statement of a figure."""

    figure: int
    id: str
    paper: str
    """What the paper says or shows, in our words."""
    quantity: str
    """What is measured."""
    measure: PerSeed
    says: str
    """`rise` (above 0), `fall` (below 0), `no rise` (not above the margin), `no change` (within the margin either way),
    or `` where the quantity only goes with the others."""
    margin: float = 0.0
    """Ours; only for the last two."""


def of_grpo(column: str, before: Window = FIRST_THIRD, after: Window = LAST_THIRD) -> PerSeed:
    """How a column changes over GRPO's training."""
    return partial(change, method="grpo", column=column, before=before, after=after)
