"""Position bias: by hand, against statsmodels, and by simulation."""

import numpy as np
import pytest
import statsmodels.api as sm

from anatomy_r1.scoring.intervals import cluster_interval, ratio_interval
from anatomy_r1.scoring.position_bias import NONE_PREFERRED, NOT_KNOWN, count_letters, position_bias


def test_a_small_case_by_hand():
    """Three questions, one of them with two options; 15 answers, 12 of them readable."""
    choices = [["A", "A", "A", "C", None], ["A", "D", "D", None, None], ["B", "B", "A", "A", "A"]]
    counts = count_letters(choices, ["A", "D", "B"], [4, 4, 2], ["v1", "v1", "v2"])
    assert counts.chosen.sum(axis=0)[:4].tolist() == [7, 2, 1, 2]
    assert counts.readable.sum(axis=0)[:4].tolist() == [4, 5, 0, 3]
    bias = position_bias(counts)
    assert [one.letter for one in bias.letters] == ["A", "B", "C", "D"]
    assert [one.excess.mean for one in bias.letters] == pytest.approx([3 / 12, -3 / 12, 1 / 12, -1 / 12])
    assert bias.moved == pytest.approx(4 / 12)
    assert [one.recall and one.recall.mean for one in bias.letters] == pytest.approx([3 / 5, 2 / 5, None, 2 / 5])
    assert bias.recall_sd == pytest.approx(np.std([0.6, 0.4, 0.4]))
    assert sum(one.chosen for one in bias.letters) == pytest.approx(1)
    # cluster sums of A's excess less its mean: v1 has 3 - 3 * ... over 7 readable, v2 has 3 over 5
    residuals = [(3 + 1 - 4) - 0.25 * 7, 3 - 0.25 * 5]
    assert bias.letters[0].excess.se == pytest.approx(np.sqrt(2 * np.square(residuals).sum()) / 12)
    assert bias.as_dict()["letters"]["C"]["recall"] is None


@pytest.mark.parametrize("seed", range(3))
def test_a_ratio_equals_statsmodels_weighted_least_squares(seed):
    rng = np.random.default_rng(seed)
    wholes = rng.integers(1, 6, 80).astype(float)
    parts, groups = rng.binomial(5, 0.3, 80).astype(float), rng.integers(0, 9, 80)
    ours = ratio_interval(parts, wholes, groups)
    fit = sm.WLS(parts / wholes, np.ones(80), weights=wholes).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    assert (ours.mean, ours.se) == pytest.approx((fit.params[0], fit.bse[0]), rel=1e-10)
    assert (ours.low, ours.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-10)


def test_a_ratio_to_ones_is_a_mean_and_a_ratio_to_zero_is_refused():
    values, groups = [1.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"]
    ours, mean = ratio_interval(values, np.ones(4), groups), cluster_interval(values, groups)
    assert (ours.mean, ours.low, ours.high) == pytest.approx((mean.mean, mean.low, mean.high))
    with pytest.raises(ValueError, match="sum to zero"):
        ratio_interval(values, np.zeros(4), groups)


def policy(rng, chance_a, clusters=20, each=8):
    """Answers A with `chance_a`, else one of four at random; the right letter is random."""
    n = clusters * each
    first = rng.random((n, 5)) < chance_a
    answers = np.where(first, "A", np.array(list("ABCD"))[rng.integers(0, 4, (n, 5))])
    gold = [str(letter) for letter in np.array(list("ABCD"))[rng.integers(0, 4, n)]]
    return count_letters(answers.tolist(), gold, [4] * n, np.repeat(np.arange(clusters), each))


def test_only_a_policy_that_prefers_a_letter_is_reported():
    """A policy without a preference is reported in at most about 5 % of cases: the intervals hold jointly at 95 %."""
    rng = np.random.default_rng(0)
    assert position_bias(policy(rng, 0.2)).preferred.startswith("prefers by letter: A +1")
    reported = [position_bias(policy(rng, 0.0)).preferred != NONE_PREFERRED for _ in range(150)]
    assert np.mean(reported) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


@pytest.mark.parametrize(
    ("choices", "clusters", "words"),
    [
        ([["A"] * 5, ["B"] * 5], ["v", "w"], NONE_PREFERRED),
        ([["A"] * 5, ["A"] * 5], ["v", "v"], NOT_KNOWN),
    ],
    ids=["all right: nothing in excess", "one cluster allows no interval"],
)
def test_verdicts_of_edge_cases(choices, clusters, words):
    assert position_bias(count_letters(choices, ["A", "B"], [2, 2], clusters)).preferred == words


def test_no_readable_answer_means_no_bias_and_an_unoffered_letter_is_refused():
    assert position_bias(count_letters([[None] * 5], ["A"], [4], ["v"])) is None
    with pytest.raises(ValueError, match="letter C of a question with 2 options"):
        count_letters([["C"]], ["A"], [2], ["v"])
