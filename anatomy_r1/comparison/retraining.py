"""Would another training differ likewise? An interval over clusters and training seeds together.

An interval over clusters alone speaks of the weights that were compared. A method is more than one training of it: with
d(g, s) the difference in cluster g under seed s, both drawn anew, the mean over G clusters and S seeds has variance

    var(clusters) / G + var(seeds) / S + var(interaction) / (G S)

The error here is the square root of the cluster-robust variance of the differences averaged over seeds plus the
variance of the seeds' means over S. Each of the two estimates the interaction's share as well, so that it counts twice:
too wide rather than too narrow. Student's t has Satterthwaite's (1946) degrees of freedom; with three seeds that
scatter there are hardly more than two, and the interval is wide, rightly so. The sum is our choice, and so are three
seeds for a minimum: with two the interval held the truth in 88 %. Coverage stands in `docs/statistics.md`.

Example:
    >>> seeds = [[0.1, 0.3, 0.2, 0.0], [0.3, 0.3, 0.4, 0.2], [0.2, 0.4, 0.2, 0.2]]
    >>> found = retrained(seeds, ["a", "b", "c", "d"])
    >>> round(found.mean, 3), round(found.se, 3), round(found.freedom, 1)
    (0.233, 0.062, 4.8)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student_t

from anatomy_r1.scoring.intervals import CONFIDENCE, Labels, seeded_interval

FEWEST_SEEDS = 3
"""Ours: see above."""


@dataclass(frozen=True, slots=True)
class Retrained:
    """A mean difference with what is unsure for another training on other videos, in the unit of the values."""

    mean: float
    low: float
    high: float
    se: float
    freedom: float
    """Degrees of freedom of Student's t."""


def retrained(values: ArrayLike, clusters: Labels, confidence: float = CONFIDENCE) -> Retrained | None:
    """Of `values`, shape [seeds, n]; None with fewer than three seeds or two clusters, or where nothing varies.

    Raises:
        ValueError: as `anatomy_r1.scoring.intervals.seeded_interval`.
    """
    table = np.asarray(values, dtype=float)
    found = seeded_interval(table, clusters, confidence)
    over_clusters = found.interval
    if found.spread is None or found.seeds < FEWEST_SEEDS or over_clusters.se is None:
        return None
    parts = np.array([over_clusters.se**2, found.spread**2 / found.seeds])
    variance = float(parts.sum())
    if variance == 0:
        return None
    freedom = variance**2 / float((parts**2 / [over_clusters.clusters - 1, found.seeds - 1]).sum())
    half = float(student_t.ppf(0.5 + confidence / 2, freedom)) * variance**0.5
    return Retrained(over_clusters.mean, over_clusters.mean - half, over_clusters.mean + half, variance**0.5, freedom)
