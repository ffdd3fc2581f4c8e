"""How often the 95 % interval holds the truth, by simulation; docs/statistics.md states these figures."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.comparison.statistics import sign_flip
from anatomy_r1.scoring.intervals import cluster_codes, cluster_intervals, cluster_sums
from tests.helpers.worlds import answers, unequal

DOCS = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"
RUNS, PARTS = 4000, 20
ERROR = math.sqrt(0.95 * 0.05 / RUNS)

pytestmark = pytest.mark.slow


def scores(rng, labels, runs):
    """Right or wrong, 60 % on average, from cluster to cluster by 15 points; the truth is 0.6."""
    chance = rng.beta(6, 4, (runs, labels.max() + 1))
    return (rng.random((runs, len(labels))) < chance[:, labels]).astype(float), 0.6


def differences(rng, labels, runs):
    """Avg@5 of two methods of the same chances on the same questions; the truth is 0."""
    gains = [answers(rng, labels).mean(1) - answers(rng, labels).mean(1) for _ in range(runs)]
    return np.stack(gains), 0.0


def simulate(draw, clusters, evenness):
    """Coverage of the interval, and share of false alarms of the test at 5 % (of a difference)."""
    rng, covered, alarms = np.random.default_rng(2026), 0, 0
    for part in range(PARTS):
        labels = unequal(rng, clusters, evenness=evenness)
        values, truth = draw(rng, labels, RUNS // PARTS)
        covered += sum(one.low <= truth <= one.high for one in cluster_intervals(values, labels))
        sums = cluster_sums(values - truth, cluster_codes(labels), clusters)
        alarms += sum(one.p <= 0.05 for one in sign_flip(sums, seed=part))
    return covered / RUNS, alarms / RUNS


def stated(case):
    """A row of the table in the documentation, as shares."""
    row = re.search(rf"^\| {case} \|(.*)\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE).group(1)
    return [float(cell) / 100 for cell in row.split("|")]


@pytest.mark.parametrize(
    ("case", "clusters", "evenness"),
    [("7", 7, 5), ("7, very unequal", 7, 1), ("20", 20, 5), ("40", 40, 5), ("40, very unequal", 40, 1)],
)
def test_coverage_and_level_are_what_the_documentation_says(case, clusters, evenness):
    score, _ = simulate(scores, clusters, evenness)
    difference, alarms = simulate(differences, clusters, evenness)
    print(case, score, difference, alarms)
    for measured, written in zip((score, difference, alarms), stated(case), strict=True):
        assert abs(measured - written) < 3 * ERROR
    if clusters == 40:
        assert 0.93 <= score <= 0.97
        assert 0.93 <= difference <= 0.97
    assert alarms < 0.05 + 3 * ERROR
