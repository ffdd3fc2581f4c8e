"""A difference for another training on other clusters: by hand, at its edges, and how often it holds the truth."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student_t

from anatomy_r1.comparison.report import document
from anatomy_r1.comparison.retraining import of_these_weights, retraining_interval
from anatomy_r1.scoring.intervals import cluster_interval
from tests.helpers.worlds import analysis, result, table

DOCS = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"
RUNS = 2000


def test_both_errors_add_up_and_the_degrees_of_freedom_are_satterthwaite_s():
    values = np.random.default_rng(0).normal(size=(5, 12))
    clusters = np.repeat(np.arange(4), 3)
    found = retraining_interval(values, clusters)
    means, sums = values.mean(axis=1), (values.mean(axis=0) - values.mean()).reshape(4, 3).sum(axis=1)
    over_clusters, over_seeds = 4 / 3 * (sums**2).sum() / 12**2, means.var(ddof=1) / 5
    freedom = (over_clusters + over_seeds) ** 2 / (over_clusters**2 / 3 + over_seeds**2 / 4)
    half = student_t.ppf(0.975, freedom) * math.sqrt(over_clusters + over_seeds)
    assert (found.mean, found.freedom) == pytest.approx((values.mean(), freedom))
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_where_seeds_agree_it_is_the_interval_over_clusters():
    one = np.random.default_rng(1).normal(size=12)
    clusters = np.repeat(np.arange(4), 3)
    found, plain = retraining_interval(np.stack([one] * 3), clusters), cluster_interval(one, clusters)
    assert (found.low, found.high, found.freedom) == pytest.approx((plain.low, plain.high, 3))


@pytest.mark.parametrize(
    ("values", "clusters"),
    [
        (np.arange(8.0).reshape(2, 4), "abcd"),
        (np.arange(12.0).reshape(3, 4), "aaaa"),
        (np.full((3, 4), 0.25), "abcd"),
        (np.full((3, 4), 0.1), "abcd"),
    ],
    ids=["two seeds", "one cluster", "nothing varies", "nothing varies but by rounding"],
)
def test_there_is_no_interval_without_enough_data(values, clusters):
    assert retraining_interval(values, list(clusters)) is None


def verdict_cells(gains):
    """Of two systems on 20 clusters of ten questions; `gains`: questions of ten that the second gains, by seed."""
    labels, cells = np.repeat(np.arange(20), 10), []
    for seed, gain in enumerate(gains):
        base = np.tile(np.arange(10) < 3, 20)[:, np.newaxis].repeat(5, axis=1)
        new = np.tile(np.arange(10) < 3 + gain, 20)[:, np.newaxis].repeat(5, axis=1)
        new[seed] = ~new[seed]  # clusters must vary
        cells += [result("base", table(base, labels), seed=seed), result("new", table(new, labels), seed=seed)]
    shown = next(one for one in document(analysis(*cells)).tables if one.name == "verdicts")
    return dict(zip([column.title for column in shown.columns], shown.blocks[0].rows[0].cells, strict=True))


@pytest.mark.parametrize(
    ("gains", "aside"),
    [((2, 2, 2), ""), ((5, 0, 1), "(these weights)"), ((2, 2), "(these weights)")],
    ids=["every seed gains", "one seed gains it all", "two seeds"],
)
def test_better_is_of_these_weights_until_other_seeds_were_shown_to_do_the_same(gains, aside):
    cells = verdict_cells(gains)
    assert (cells["verdict"].text, cells["verdict"].aside) == ("better", aside)
    bounds = re.fullmatch(r"\[([+-][\d.]+), ([+-][\d.]+)\]", cells["over clusters and seeds"].text)
    assert (bounds is None) == (len(gains) < 3)
    if bounds:
        assert (float(bounds[1]) <= 0 <= float(bounds[2])) == bool(aside)


@pytest.mark.parametrize(
    ("said", "method", "expected"),
    [
        ("worse", "worse", False),
        ("worse", "underpowered", True),
        ("better", "worse", True),
        ("no detectable difference", "no detectable difference", False),
        ("no detectable difference", "underpowered", True),
        ("underpowered", "better", False),
    ],
)
def test_a_verdict_holds_for_other_trainings_if_it_is_the_method_s_too(said, method, expected):
    assert of_these_weights(said, method) == expected
    assert of_these_weights(said, None) == (said != "underpowered")


def coverage(clusters, seeds, seed_sd):
    """Shares of intervals that hold the truth, 0: over clusters and seeds, and over clusters alone."""
    rng, both, alone = np.random.default_rng(2026), 0, 0
    for _ in range(RUNS):
        values = rng.normal(0, 0.1, clusters) + rng.normal(0, seed_sd, seeds)[:, np.newaxis]
        values += rng.normal(0, 0.05, values.shape)
        found = retraining_interval(values, range(clusters))
        plain = cluster_interval(values.mean(axis=0), range(clusters))
        both += found.low <= 0 <= found.high
        alone += plain.low <= 0 <= plain.high
    return both / RUNS, alone / RUNS


@pytest.mark.slow
@pytest.mark.parametrize(("clusters", "seeds"), [(7, 3), (20, 3), (20, 5), (40, 5)])
@pytest.mark.parametrize("points", [2, 6])
def test_coverage_is_what_the_documentation_says(clusters, seeds, points):
    found = coverage(clusters, seeds, points / 100)
    row = re.search(rf"^\| {clusters} \| {seeds} \| {points} \|(.*)\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    print(f"| {clusters} | {seeds} | {points} | {100 * found[0]:.1f} | {100 * found[1]:.1f} |")
    stated = [float(cell) / 100 for cell in row.group(1).split("|")]
    assert found == pytest.approx(stated, abs=3 * math.sqrt(0.95 * 0.05 / RUNS))
    assert found[0] > 0.92
