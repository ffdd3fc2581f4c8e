"""Cluster-robust intervals: against statsmodels, against hand arithmetic, and by simulation."""

import math

import numpy as np
import pytest
import statsmodels.api as sm

from anatomy_r1.scoring.intervals import cluster_interval, paired_interval, seeded_interval


def clustered_scores(rng, clusters=12, size=(3, 40), effect=0.3):
    """0/1 scores whose chance of being right differs from cluster to cluster, in clusters of unequal size."""
    labels = np.repeat(np.arange(clusters), rng.integers(*size, clusters))
    chance = np.clip(0.5 + effect * rng.standard_normal(clusters), 0.02, 0.98)
    return (rng.random(len(labels)) < chance[labels]).astype(float), [f"VID{label:02d}" for label in labels]


@pytest.mark.parametrize("seed", range(4))
def test_equals_statsmodels_ols_with_clustered_covariance(seed):
    values, labels = clustered_scores(np.random.default_rng(seed))
    ours = cluster_interval(values, labels)
    groups = np.unique(labels, return_inverse=True)[1]
    fit = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert ours.mean == pytest.approx(fit.params[0], rel=1e-12)
    assert ours.se == pytest.approx(fit.bse[0], rel=1e-10)
    assert (ours.low, ours.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-10)
    assert (ours.clusters, ours.n) == (12, len(values))


def test_several_seeds_equal_statsmodels_on_question_means():
    rng = np.random.default_rng(5)
    values, labels = clustered_scores(rng)
    runs = np.stack([np.where(rng.random(len(values)) < 0.1, 1 - values, values) for _ in range(3)])
    ours = seeded_interval(runs, labels)
    groups = np.unique(labels, return_inverse=True)[1]
    fit = sm.OLS(runs.mean(axis=0), np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    assert (ours.interval.low, ours.interval.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-10)
    assert ours.spread == pytest.approx(np.std(runs.mean(axis=1), ddof=1))
    assert (ours.seeds, ours.interval.n) == (3, len(values))


def test_by_hand():
    """Two clusters, sums of residuals +1 and -1, n = 4: se = sqrt(2/1 * 2) / 4 = 0.5, t(1 degree) = 12.706."""
    interval = cluster_interval([1, 1, 0, 0], ["a", "a", "b", "b"])
    assert interval.se == pytest.approx(0.5)
    assert interval.high - interval.mean == pytest.approx(0.5 * 12.7062, rel=1e-5)


def test_singleton_clusters_give_the_ordinary_t_interval():
    values = np.random.default_rng(0).standard_normal(30)
    assert cluster_interval(values, range(30)).se == pytest.approx(values.std(ddof=1) / math.sqrt(30))


def test_correlation_within_clusters_widens_the_interval():
    values, labels = clustered_scores(np.random.default_rng(2))
    assert cluster_interval(values, labels).se > 1.5 * cluster_interval(values, range(len(values))).se


def test_one_cluster_gives_a_mean_and_no_interval():
    interval = cluster_interval([0, 1, 1, 1], ["a"] * 4)
    assert (interval.mean, interval.low, interval.high, interval.se, interval.clusters) == (0.75, None, None, None, 1)
    assert not interval.degenerate


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3])
def test_no_variance_gives_zero_width_and_is_degenerate(value):
    interval = cluster_interval([value] * 7, ["a", "a", "b", "b", "b", "c", "c"])
    assert interval.low == interval.high == interval.mean == pytest.approx(value)
    assert interval.degenerate


def test_order_of_questions_does_not_matter():
    values, labels = clustered_scores(np.random.default_rng(3))
    order = np.random.default_rng(4).permutation(len(values))
    shuffled = cluster_interval(values[order], [labels[i] for i in order])
    assert shuffled.se == pytest.approx(cluster_interval(values, labels).se, rel=1e-12)


def test_one_seed_has_no_spread_and_the_plain_interval():
    values, labels = clustered_scores(np.random.default_rng(6))
    assert seeded_interval([values], labels).interval == cluster_interval(values, labels)
    assert seeded_interval([values], labels).spread is None


def test_pairing_removes_shared_variance():
    rng = np.random.default_rng(7)
    values, labels = clustered_scores(rng)
    better = np.where(rng.random(len(values)) < 0.2, 1.0, values)
    paired = paired_interval(better, values, labels)
    assert paired.mean == pytest.approx(better.mean() - values.mean())
    assert paired.low > 0
    assert paired.se < cluster_interval(better, labels).se
    assert paired_interval(values, values, labels).degenerate


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        ([], [], "no values"),
        ([1, 0], ["a"], "each of 1 cluster"),
        ([1, float("nan")], ["a", "b"], "value 1 is not finite"),
        ([[1, 0]], ["a", "b"], "shape"),
    ],
    ids=["empty", "lengths differ", "not finite", "two dimensions"],
)
def test_bad_input_is_refused(values, labels, message):
    with pytest.raises(ValueError, match=message):
        cluster_interval(values, labels)


def test_seeds_need_a_two_dimensional_table():
    with pytest.raises(ValueError, match="seeds, questions"):
        seeded_interval([1, 0, 1], ["a", "b", "c"])


def test_coverage_is_nominal_where_theory_says_it_is_exact():
    """Equal clusters with normal effects: s²/G is exact, so the count differs from 95 % by simulation error only."""
    runs, clusters, size = 1500, 8, 5
    rng = np.random.default_rng(2026)
    labels = np.repeat(np.arange(clusters), size)
    covered = 0
    for _ in range(runs):
        values = rng.standard_normal(clusters)[labels] + rng.standard_normal(len(labels))
        interval = cluster_interval(values, labels)
        covered += interval.low <= 0 <= interval.high
    error = math.sqrt(0.95 * 0.05 / runs)
    assert abs(covered / runs - 0.95) < 3 * error


def test_coverage_with_unequal_clusters_and_binary_scores_is_close():
    """20 clusters, 0/1 scores: coverage is below nominal by at most 3 points plus simulation error."""
    runs = 800
    rng = np.random.default_rng(11)
    size = rng.integers(10, 50, 20)
    labels = np.repeat(np.arange(20), size)
    covered = 0
    for _ in range(runs):
        chance = rng.beta(3, 3, 20)
        interval = cluster_interval(rng.random(len(labels)) < chance[labels], labels)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.92 - 3 * math.sqrt(0.95 * 0.05 / runs) < covered / runs < 0.98
