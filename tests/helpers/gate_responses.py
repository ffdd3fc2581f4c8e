"""Simulated evaluations with known chances, question by question. Nothing in them was measured."""

import numpy as np

from tests.helpers.worlds import unequal

K = 5
SHAPES = ("middling", "sure of itself", "clustered", "coin")


def chances(rng, shape, n=1000, clusters=20):
    """Each question's chance of a right response; half to two thirds on average."""
    if shape == "middling":
        return rng.beta(3, 2, n)
    if shape == "sure of itself":
        return rng.beta(0.3, 0.2, n)
    if shape == "clustered":  # questions of one video are hard together
        labels = unequal(rng, clusters, n)
        return 1 / (1 + np.exp(-(0.4 + 1.5 * rng.standard_normal(clusters)[labels] + rng.standard_normal(n))))
    return np.full(n, 0.5)  # a coin: the most noise there can be


def evaluations(rng, chance, count):
    """`count` runs of five responses a question: what `noise` reads of them, for Avg@5."""
    return [{"avg@5": right / K} for right in rng.binomial(K, chance, (count, len(chance)))]
