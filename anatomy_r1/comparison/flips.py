"""Questions that one system gets right and the other wrong, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.scoring.metrics import K


@dataclass(frozen=True, slots=True)
class Flip:
    """A question on which two systems part."""

    id: str
    category: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Flips:
    """All of them, in both directions."""

    metric: str
    """By which a question counts as right."""
    gained: tuple[Flip, ...]
    """Wrong for the baseline, right for the other."""
    lost: tuple[Flip, ...]
    """Right for the baseline, wrong for the other."""
    questions: int


def flip_metric(metric: str) -> str:
    """Metric by which a question is right or wrong: the one asked for, or the majority vote where it is a share."""
    return f"major@{K}" if metric == f"avg@{K}" else metric


def flips(baseline: NDArray[np.float64], other: NDArray[np.float64], questions: pd.DataFrame, metric: str) -> Flips:
    """From the share of seeds under which each question is right (shape [n]).

    Over several seeds a question is right when it is right under more than half of them (our choice).
    """
    before, after = baseline > 0.5, other > 0.5
    gained, lost = (tuple(_named(questions[mask])) for mask in (~before & after, before & ~after))
    return Flips(metric, gained, lost, len(questions))


def _named(table: pd.DataFrame) -> Iterator[Flip]:
    for columns in zip(table["id"], table["category"], table["cluster"], strict=True):
        yield Flip(*map(str, columns))
