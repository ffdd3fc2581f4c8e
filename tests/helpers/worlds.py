"""Made-up results with known truths. Nothing in them was measured."""

import numpy as np
import pandas as pd

from anatomy_r1.comparison.compare import analyse, undeclared_family
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.systems import SystemRun, systems
from anatomy_r1.results.store import Result

CATEGORIES = ("Gallbladder", "Gut", "Liver", "Omentum")
SAMPLING = {
    "benchmark": "sgg_anatomy_mini",
    "decoding": {"engine": "transformers", "max_new_tokens": 24, "temperature": 1.0},
    "images": "real",
    "limit": None,
    "questions_sha256": "data",
    "seed": 0,
    "split": "test",
    "style": "think",
    "weights": "w",
}


def unequal(rng, clusters, n=1000, evenness=5.0):
    """Cluster labels of n questions; sizes differ by about half of their mean, or as much as it where evenness is 1."""
    size = rng.multinomial(n - clusters, rng.dirichlet(np.full(clusters, evenness))) + 1
    return np.repeat(np.arange(clusters), size)


def answers(rng, labels, shift=0.0, wobble=0.05):
    """Five right-or-wrong answers a question, [n, 5]: questions differ in difficulty, and a method in its clusters."""
    easy = np.random.default_rng(len(labels)).beta(2, 2, len(labels))  # the same questions for every method
    chance = np.clip(easy + shift + wobble * rng.standard_normal(labels.max() + 1)[labels], 0, 1)
    return rng.random((len(labels), 5)) < chance[:, np.newaxis]


def table(right, labels):
    """A question table."""
    n = len(labels)
    return pd.DataFrame(
        {
            "id": [f"q{index:04d}" for index in range(n)],
            "cluster": [f"VID{label:03d}" for label in labels],
            "category": [CATEGORIES[index % len(CATEGORIES)] for index in range(n)],
            **{f"correct_{repeat}": right[:, repeat] for repeat in range(5)},
            "major": right.sum(axis=1) >= 3,
            "greedy": right[:, 0],
            "parsed": 5,
            "truncated": 0,
        }
    )


def result(method, questions, seed=0, benchmark="sgg_anatomy_mini", arm="matched", style="think", **provenance):
    recorded = {"commit": "c0ffee0" * 5 + "c0ffe", "data": {"questions_sha256": "data"}, "prompt": "p", **provenance}
    recorded.setdefault("sampling", {**SAMPLING, "benchmark": benchmark, "seed": seed})
    return Result("mini", benchmark, "mini-l", method, arm, seed, style, questions, recorded)


def of(*results):
    """Systems."""
    return systems([SystemRun.from_result(one, f"{one.key}.json") for one in results])


def analysis(*results, family=None, allowed=(), all_pairs=False, metric="avg@5"):
    """Everything that the command would print."""
    found = panels(of(*results), allowed, all_pairs)
    return analyse(found, family or undeclared_family(found, metric))


def name(method, benchmark="sgg_anatomy_mini", arm="matched"):
    return f"{benchmark}/mini-l/{method}/{arm}"
