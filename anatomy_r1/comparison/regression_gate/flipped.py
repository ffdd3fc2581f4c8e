"""Questions that a fresh result answers otherwise than its reference, with how many responses were right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anatomy_r1.comparison.flips import Flip, flips
from anatomy_r1.comparison.panel import Shares
from anatomy_r1.comparison.regression_gate.noise import AVG, MAJOR


@dataclass(frozen=True, slots=True)
class Flipped:
    """A question that was right by majority vote on one side only."""

    id: str
    category: str
    cluster: str
    before: float
    """Share of the responses that were right, over all runs."""
    after: float


def flipped(
    reference: Sequence[Shares], fresh: Sequence[Shares], questions: pd.DataFrame
) -> tuple[tuple[Flipped, ...], tuple[Flipped, ...]]:
    """Right in the reference and wrong now, and the reverse; the largest changes first."""
    (major, majors), (before, after) = (
        [np.mean([run[metric] for run in runs], axis=0) for runs in (reference, fresh)] for metric in (MAJOR, AVG)
    )
    found = flips(major, majors, questions, MAJOR)
    shares = {str(name): (float(a), float(b)) for name, a, b in zip(questions["id"], before, after, strict=True)}

    def named(which: Sequence[Flip]) -> Iterator[Flipped]:
        for one in which:
            yield Flipped(one.id, one.category, one.cluster, *shares[one.id])

    lost, gained = (
        tuple(sorted(named(of), key=lambda one: (-abs(one.after - one.before), one.id)))
        for of in (found.lost, found.gained)
    )
    return lost, gained
