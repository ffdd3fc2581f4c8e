"""Sign-flip test: against scipy, against brute force, by simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import permutation_test

from anatomy_r1.comparison import statistics
from anatomy_r1.comparison.statistics import DRAWS, EXACT_CLUSTERS, sign_flip, smallest_p
from anatomy_r1.scoring.intervals import cluster_codes, cluster_sums
from tests.helpers.worlds import answers, unequal


def p_of(sums):
    return sign_flip([sums], seed=0)[0].p


@pytest.mark.parametrize("clusters", [2, 3, 7, 10])
def test_equals_scipy_over_all_patterns(clusters):
    rng = np.random.default_rng(clusters)
    for sums in (rng.standard_normal(clusters), rng.integers(-2, 3, clusters) / 5):  # the second kind has ties
        known = permutation_test(
            (sums,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert p_of(sums) == pytest.approx(min(1.0, known.pvalue), abs=1e-12)


def test_equals_brute_force_where_sums_tie_often():
    """Steps of a fifth, of which binary fractions know no exact sum."""
    sums = np.random.default_rng(1).integers(-3, 5, 13) * 0.2
    patterns = np.array(list(itertools.product((1, -1), repeat=13)))
    whole = np.rint(5 * sums).astype(int)
    expected = np.mean(np.abs(patterns @ whole) >= abs(whole.sum()))
    assert 0.01 < expected < 0.9
    assert p_of(sums) == pytest.approx(expected, abs=1e-12)


def test_seven_clusters_that_all_gain_reach_the_floor():
    found = sign_flip([np.ones(7)], seed=0)[0]
    assert found.p == found.floor == 2 / 128
    assert (found.exact, found.draws, found.seed, found.clusters) == (True, 0, None, 7)


def test_no_difference_is_no_evidence_and_empty_clusters_change_nothing():
    assert p_of([0.0, 0.0, 0.0]) == 1.0
    assert p_of([2.0, -1.0, 3.0, 1.0]) == p_of([2.0, 0.0, -1.0, 3.0, 0.0, 1.0])
    assert p_of([1.0, -1.0]) == 1.0


def test_the_most_clusters_that_are_counted_need_no_draws():
    sums = np.random.default_rng(2).standard_normal(EXACT_CLUSTERS) + 0.4
    first, second = sign_flip([sums], seed=0)[0], sign_flip([sums], seed=1)[0]
    assert first == second
    assert first.exact
    assert 0 < first.p < 1


def test_draws_agree_with_counting(monkeypatch):
    rng = np.random.default_rng(3)
    sums = rng.standard_normal((6, 14)) + rng.uniform(0, 0.8, (6, 1))
    counted = [found.p for found in sign_flip(sums, seed=0)]
    monkeypatch.setattr(statistics, "EXACT_CLUSTERS", 5)
    drawn = sign_flip(sums, seed=0)
    assert all(found.draws == DRAWS and found.seed == 0 and not found.exact for found in drawn)
    for expected, found in zip(counted, drawn, strict=True):
        assert abs(found.p - expected) < 4 * math.sqrt(expected * (1 - expected) / DRAWS) + 1 / DRAWS
    assert [found.p for found in drawn] == [found.p for found in sign_flip(sums, seed=0)]
    assert [found.p for found in drawn] != [found.p for found in sign_flip(sums, seed=1)]


def test_drawn_p_is_never_zero_and_says_its_floor():
    found = sign_flip([np.ones(60)], seed=0)[0]
    assert found.p == found.floor == 1 / (DRAWS + 1) == smallest_p(60)


@pytest.mark.parametrize(
    ("sums", "message"),
    [([1.0, 2.0], "shape"), (np.empty((1, 0)), "shape"), ([[1.0, float("nan")]], "not finite")],
    ids=["one dimension", "no clusters", "not finite"],
)
def test_bad_input_is_refused(sums, message):
    with pytest.raises(ValueError, match=message):
        sign_flip(sums, seed=0)


@pytest.mark.parametrize("clusters", [7, 20, 40])
def test_level_is_kept_within_simulation_error(clusters):
    """Two methods of equal chances on 300 questions in unequal clusters: at most 5 % false alarms."""
    rng, runs = np.random.default_rng(clusters), 1500
    labels = unequal(rng, clusters, 300)
    differences = np.stack([(answers(rng, labels).mean(1) - answers(rng, labels).mean(1)) for _ in range(runs)])
    found = sign_flip(cluster_sums(differences, cluster_codes(labels), clusters), seed=0)
    alarms = np.mean([one.p <= 0.05 for one in found])
    attainable = 6 / 128 if clusters == 7 else 0.05  # p comes in steps of 2/128 with seven
    assert abs(alarms - attainable) < 3 * math.sqrt(0.05 * 0.95 / runs)
