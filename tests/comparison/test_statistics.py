"""Interquartile mean, minimum detectable difference, verdicts: against other libraries and by hand."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from statsmodels.stats.power import TTestPower

from anatomy_r1.comparison.statistics import detectable, detectable_difference, interquartile_mean, sign_flip, verdict
from anatomy_r1.scoring.intervals import cluster_intervals


@pytest.mark.parametrize(
    ("clusters", "level"), [(5, 0.05), (7, 0.05), (7, 0.05 / 9), (20, 0.05), (20, 0.05 / 20), (40, 0.05), (500, 0.01)]
)
def test_detectable_difference_equals_statsmodels_where_that_converges(clusters, level):
    known = TTestPower().solve_power(nobs=clusters, alpha=level, power=0.8) * math.sqrt(clusters)
    assert detectable(clusters, level) == pytest.approx(known, rel=2e-4)


def test_detectable_difference_of_few_clusters_at_a_strict_level_has_the_power_it_claims():
    """Where statsmodels' search ends at a wrong value: 3 clusters, a family of 20. Draws of the t statistic itself."""
    rng = np.random.default_rng(0)
    upper = 0.05 / 20 / 2
    limit = (1 - 2 * upper) / math.sqrt(2 * upper * (1 - upper))  # Student's t with 2 degrees of freedom, closed form
    shift = detectable(3, 0.05 / 20)
    t = (rng.standard_normal(200_000) + shift) / np.sqrt(rng.chisquare(2, 200_000) / 2)
    assert abs(np.mean(np.abs(t) > limit) - 0.8) < 3 * math.sqrt(0.16 / 200_000) + 0.001


@pytest.mark.parametrize("clusters", [7, 20])
def test_a_detectable_difference_is_found_with_80_percent_power(clusters):
    """Equal clusters with normal effects: the t test has 80 % power exactly, the sign-flip test about."""
    rng, runs, size = np.random.default_rng(clusters), 3000, 5
    labels = np.repeat(np.arange(clusters), size)
    effects = 0.1 * rng.standard_normal((runs, clusters)) + detectable_difference(
        0.1 / math.sqrt(clusters), clusters, 0.05
    )
    found = np.mean([one.low > 0 or one.high < 0 for one in cluster_intervals(effects[:, labels], labels)])
    assert abs(found - 0.8) < 3 * math.sqrt(0.16 / runs)
    flipped = np.mean([one.p <= 0.05 for one in sign_flip(effects, seed=0)])
    assert abs(flipped - 0.8) < 0.05


def test_without_an_error_nothing_is_detectable():
    assert detectable_difference(None, 1, 0.05) is None
    assert detectable_difference(0.0, 20, 0.05) is None
    with pytest.raises(ValueError, match="needs two"):
        detectable(1, 0.05)
    with pytest.raises(ValueError, match="level"):
        detectable(7, 0.0)


def test_interquartile_mean_by_hand():
    """Eight seeds: two fall at either end, however far; four are kept, and t has three degrees of freedom."""
    values = [0.0, 0.1, 0.50, 0.52, 0.54, 0.56, 0.9, 5.0]
    found = interquartile_mean(values)
    assert (found.mean, found.seeds, found.kept) == (pytest.approx(0.53), 8, 4)
    winsorised = np.array([0.50] * 3 + [0.52, 0.54] + [0.56] * 3)
    # Yuen: winsorised sum of squares over h (h - 1)
    error = math.sqrt(((winsorised - winsorised.mean()) ** 2).sum() / (4 * 3))
    assert found.high - found.mean == pytest.approx(3.18245 * error, rel=1e-5)


def test_three_seeds_are_too_few_to_trim():
    values = [0.4, 0.5, 0.7]
    found, known = interquartile_mean(values), ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert found.kept == 3


def test_the_interval_over_seeds_takes_trainings_from_one_base_for_independent():
    """Three bases and three seeds, deviations of 6 and 4 points: docs/statistics.md says that it covers 83 %."""
    rng = np.random.default_rng(0)
    drawn = (rng.normal(0, 6, (3, 1)) + rng.normal(0, 4, (3, 3)) for _ in range(800))
    found = [interquartile_mean(scores.ravel()) for scores in drawn]
    assert np.mean([one.low <= 0 <= one.high for one in found]) == pytest.approx(0.83, abs=0.04)


def test_one_seed_has_no_interval_over_seeds_and_none_is_refused():
    assert interquartile_mean([0.5]).low is None
    for bad in ([], [float("nan")]):
        with pytest.raises(ValueError, match="at least one seed"):
            interquartile_mean(bad)


RULE = {"level": 0.05, "smallest_difference": 0.05}


@pytest.mark.parametrize(
    ("difference", "p", "floor", "mdd", "expected"),
    [
        (0.10, 0.05, 0.01, 0.03, "better"),
        (-0.10, 0.04, 0.01, 0.03, "worse"),
        (0.10, 0.01, 0.01, 0.30, "better"),
        (0.10, 0.14, 0.14, 0.03, "underpowered"),
        (0.02, 0.30, 0.01, 0.051, "underpowered"),
        (0.02, 0.30, 0.01, 0.05, "no detectable difference"),
        (0.0, 1.0, 0.01, None, "no detectable difference"),
        (0.0, 1.0, 1.0, None, "underpowered"),
    ],
    ids=[
        "p at the level counts",
        "the sign decides",
        "a large MDD does not undo what was found",
        "not even all clusters alike could reach it",
        "MDD above what matters",
        "MDD at what matters",
        "identical answers in enough clusters",
        "one cluster",
    ],
)
def test_the_rule(difference, p, floor, mdd, expected):
    assert verdict(difference, p, floor, mdd, **RULE) == expected
