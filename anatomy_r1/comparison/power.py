"""How many bases and seeds detect a difference: power told before anything runs. Behind `anatomy-r1 power`.

A difference between two methods varies with the cluster, the base, the seed, and the single training. Given the
standard deviation of each, the minimum detectable difference (80 % power) of the interval of the method
(`anatomy_r1.comparison.retraining`) follows from what that interval is expected to be. `simulate` draws such
differences and counts; docs/statistics.md has both beside each other.

    >>> spread = Components(cluster=0.08, base=0.02, seed=0.0, training=0.03)
    >>> round(detectable_difference(spread, Design(clusters=40, bases=3, seeds=3)), 3)
    0.069
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from anatomy_r1.bases import RunKey
from anatomy_r1.comparison.retraining import FEWEST, retraining_interval
from anatomy_r1.comparison.statistics import LEVEL, detectable
from anatomy_r1.scoring.intervals import cluster_interval

MOST_BASES, MOST_SEEDS = 10, 10
"""Largest designs that are looked at (ours)."""


@dataclass(frozen=True, slots=True)
class Components:
    """Standard deviations of a paired difference in one metric, as shares."""

    cluster: float
    """Between clusters, of the difference averaged over the questions of one."""
    base: float
    """Between bases, of what all trainings from one have in common."""
    seed: float
    """Between seeds, of what the trainings under one have in common, whatever their base."""
    training: float
    """Between trainings beyond that: base and seed together."""
    cluster_training: float = 0.0
    """Between cells of cluster and training, beyond all of these."""


@dataclass(frozen=True, slots=True)
class Design:
    """Sizes of an experiment."""

    clusters: int
    bases: int
    seeds: int


def expected(spread: Components, design: Design) -> tuple[float, float]:
    """Standard error of the interval of the method and its degrees of freedom, as far as components determine them."""
    trainings = design.bases * design.seeds
    cell = spread.cluster_training**2 / (trainings * design.clusters)
    of_bases = spread.base**2 / design.bases + spread.training**2 / trainings + cell
    noise = spread.training**2 / trainings + cell
    of_seeds = spread.seed**2 / design.seeds + noise
    parts: list[tuple[float, float]] = [(spread.cluster**2 / design.clusters + cell, design.clusters - 1)]
    if design.bases > 1:
        parts += [_at_least_noise(of_bases, noise, design), (_above_noise(of_seeds, noise, design), design.seeds - 1)]
    else:  # one base: seeds carry the noise of trainings
        parts.append((of_seeds, design.seeds - 1))
    variance = sum(part for part, _ in parts)
    return variance**0.5, variance**2 / sum(part**2 / of for part, of in parts) if variance else 1.0


def _at_least_noise(of_bases: float, noise: float, design: Design) -> tuple[float, float]:
    """Mean of the larger of a variance of bases' means and one of noise, both estimated; and its degrees of freedom.

    These are the mean of either's, by how often it is the larger one (ours).
    """
    freedom = (design.bases - 1) * (design.seeds - 1)
    bases, noises = _estimates(of_bases, design.bases - 1)[:, np.newaxis], _estimates(noise, freedom)
    of_noise = float((noises > bases).mean())
    return float(np.maximum(bases, noises).mean()), of_noise * freedom + (1 - of_noise) * (design.bases - 1)


def _above_noise(of_seeds: float, noise: float, design: Design) -> float:
    """Mean of the larger of 0 and a variance of seeds' means less one of noise, both estimated."""
    seeds, noises = (
        _estimates(variance, freedom)
        for variance, freedom in ((of_seeds, design.seeds - 1), (noise, (design.bases - 1) * (design.seeds - 1)))
    )
    return float(np.maximum(0.0, seeds[:, np.newaxis] - noises).mean())


def _estimates(variance: float, freedom: int) -> NDArray[np.float64]:
    """Quantiles of what a variance is estimated to be from normal values."""
    grid = (np.arange(200) + 0.5) / 200
    return np.asarray(variance * chi2.ppf(grid, freedom) / freedom)


def detectable_difference(spread: Components, design: Design, level: float = LEVEL) -> float:
    """The true difference that the interval of the method would show with 80 % power."""
    se, freedom = expected(spread, design)
    return se * detectable(freedom + 1, level)


def smallest_designs(spread: Components, clusters: int, difference: float, *, level: float = LEVEL) -> Iterator[Design]:
    """For each number of bases, the fewest seeds that detect `difference`; those for which none do are left out."""
    for bases in range(FEWEST, MOST_BASES + 1):
        for seeds in range(FEWEST, MOST_SEEDS + 1):
            if detectable_difference(spread, Design(clusters, bases, seeds), level) <= difference:
                yield Design(clusters, bases, seeds)
                break


@dataclass(frozen=True, slots=True)
class Simulated:
    """Shares of simulated experiments."""

    covered: float
    """In which the interval of the method holds the true difference."""
    covered_by_weights: float
    """In which the interval over clusters alone holds it."""
    found: float
    """In which the interval of the method excludes zero."""


def simulate(
    spread: Components, design: Design, difference: float = 0.0, *, experiments: int = 1000, seed: int = 0
) -> Simulated:
    """Draw experiments with these components, normal ones, and look at their intervals."""
    rng, counts = np.random.default_rng(seed), np.zeros(3)
    runs = [RunKey(str(base), number) for base, number in product(range(design.bases), range(design.seeds))]
    for _ in range(experiments):
        values = _drawn(rng, spread, design) + difference
        method = retraining_interval(values, range(design.clusters), runs)
        weights = cluster_interval(values.mean(axis=0), range(design.clusters))
        if method is None or weights.low is None or weights.high is None:
            raise ValueError(f"{design}: too small for an interval of the method")
        counts += [
            method.low <= difference <= method.high,
            weights.low <= difference <= weights.high,
            not method.low <= 0 <= method.high,
        ]
    return Simulated(*(counts / experiments).tolist())


def _drawn(rng: np.random.Generator, spread: Components, design: Design) -> NDArray[np.float64]:
    """Differences, shape [bases * seeds, clusters]."""
    shape = (design.bases, design.seeds, design.clusters)
    values = rng.normal(0, spread.cluster, (1, 1, design.clusters)) + rng.normal(0, spread.base, (design.bases, 1, 1))
    values = values + rng.normal(0, spread.seed, (1, design.seeds, 1)) + rng.normal(0, spread.training, (*shape[:2], 1))
    return np.asarray(values + rng.normal(0, spread.cluster_training, shape)).reshape(-1, design.clusters)


def estimated(values: NDArray[np.float64], clusters: Sequence[str], runs: Sequence[RunKey]) -> Components | None:
    """Components from differences of shape [runs, n], by analysis of variance; negative estimates are 0.

    None unless every base has every seed, and there are at least two seeds and two clusters. With one base, `base` and
    `seed` are 0: nothing is known of the first, and the second cannot be told from `training`.
    """
    bases, seeds = sorted({run.base for run in runs}), sorted({run.seed for run in runs})
    interval = cluster_interval(values.mean(axis=0), clusters)
    if len(runs) != len(bases) * len(seeds) or len(seeds) < 2 or interval.se is None:
        return None
    place = {run: at for at, run in enumerate(runs)}
    means = values.mean(axis=1)[[[place[RunKey(base, seed)] for seed in seeds] for base in bases]]
    cluster = interval.se * interval.clusters**0.5
    if len(bases) == 1:
        return Components(cluster, 0.0, 0.0, float(means.std(ddof=1)))
    left = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    noise = float((left**2).sum()) / ((len(bases) - 1) * (len(seeds) - 1))
    of_bases, of_seeds = (float(means.mean(axis=axis).var(ddof=1)) for axis in (1, 0))
    base, seed = (max(0.0, one - noise / of) ** 0.5 for one, of in ((of_bases, len(seeds)), (of_seeds, len(bases))))
    return Components(cluster, base, seed, noise**0.5)


def pooled(found: Sequence[Components]) -> Components:
    """Root mean squares over several pairs of methods."""
    fields = ("cluster", "base", "seed", "training", "cluster_training")
    return Components(*(float(np.mean([getattr(one, name) ** 2 for one in found])) ** 0.5 for name in fields))
