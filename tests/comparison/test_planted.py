"""Planted truths: a better system gets the verdict better, and an undecidable one does not."""

import numpy as np
import pytest

from anatomy_r1.comparison.family import METRICS, Family
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.intervals import cluster_interval, paired_interval
from tests.helpers.worlds import analysis, answers, name, of, result, table, unequal

BASE = name("base")


def two(clusters, shift, seed=0, n=1000):
    rng = np.random.default_rng(seed)
    labels = unequal(rng, clusters, n)
    tables = [table(answers(rng, labels, by), labels) for by in (0.0, shift)]
    return result("base", tables[0]), result("new", tables[1])


def family(size, metric="avg@5", **changes):
    """The pair under test, and others that were declared and not made."""
    others = [frozenset({BASE, f"other {index}"}) for index in range(size - 1)]
    return Family("f", metric, (frozenset({BASE, name("new")}), *others), declared="2026-11-01", **changes)


@pytest.mark.parametrize("clusters", [20, 24, 60])
def test_ten_points_on_twenty_clusters_and_more_are_better(clusters):
    (one,) = analysis(*two(clusters, 0.10)).comparisons
    assert one.test.verdict == "better"
    assert one.difference("avg@5").interval.low > 0
    (reverse,) = analysis(*reversed(two(clusters, 0.10))).comparisons
    assert reverse.test.verdict == "worse"
    assert reverse.test.p == one.test.p


def test_a_method_of_the_same_chances_is_no_detectable_difference():
    (one,) = analysis(*two(40, 0.0, seed=1)).comparisons
    assert one.test.verdict == "no detectable difference"
    assert one.difference("avg@5").detectable < 0.05


def test_identical_answers_are_no_detectable_difference_with_zero_width():
    first, _ = two(20, 0.0)
    (one,) = analysis(first, result("new", first.questions)).comparisons
    assert one.test.verdict == "no detectable difference"
    assert one.test.p == 1.0
    assert one.difference("avg@5").interval.degenerate
    assert one.difference("avg@5").detectable is None
    assert not one.flips.gained and not one.flips.lost


def test_the_same_answers_under_other_seeds_are_no_difference_by_rounding():
    """0.2 + 0.4 + 0.6 is more than 0.6 + 0.4 + 0.2 in the last bit, in all clusters alike: p was 0.000002."""
    labels, cells = unequal(np.random.default_rng(1), 20, 200), []
    for method, counts in (("base", (1, 2, 3)), ("new", (3, 2, 1))):
        for seed, count in enumerate(counts):
            right = np.tile(np.arange(5) < count, (len(labels), 1))
            cells.append(result(method, table(right, labels), seed=seed))
    (one,) = analysis(*cells).comparisons
    assert (one.test.flip.p, one.test.verdict) == (1.0, "no detectable difference")
    assert one.difference("avg@5").interval.mean == 0.0
    assert not one.difference("avg@5").interval.excludes_zero


def test_on_seven_clusters_in_a_family_of_nine_ten_points_are_underpowered():
    """All seven videos gain, and still p cannot go below 2/128, nor Holm's below nine times that."""
    (one,) = analysis(*two(7, 0.10, seed=2), family=family(9)).comparisons
    assert one.test.flip.p == one.test.flip.floor == 2 / 128
    assert one.test.p == one.test.floor == pytest.approx(9 * 2 / 128)
    assert one.test.verdict == "underpowered"


def test_the_declared_smallest_difference_decides_what_is_underpowered():
    pair = two(7, 0.0, seed=3)
    (coarse,) = analysis(*pair, family=family(1, smallest_difference=0.2)).comparisons
    (fine,) = analysis(*pair, family=family(1, smallest_difference=0.01)).comparisons
    assert (coarse.test.verdict, fine.test.verdict) == ("no detectable difference", "underpowered")


def test_every_number_is_that_of_the_plain_functions():
    first, second = two(20, 0.05)
    (one,) = analysis(first, second).comparisons
    a, b = (r.questions[[f"correct_{k}" for k in range(5)]].to_numpy(float).mean(1) for r in (first, second))
    clusters, categories = first.questions["cluster"].to_numpy(str), first.questions["category"].to_numpy(str)
    assert one.difference("avg@5").interval == paired_interval(b, a, clusters)
    gut = categories == "Gut"
    assert one.difference("avg@5", "Gut").interval == paired_interval(b[gut], a[gut], clusters[gut])
    major = [r.questions["major"].to_numpy(float) for r in (first, second)]
    assert one.difference("major@5").interval == paired_interval(major[1], major[0], clusters)
    assert {difference.category for difference in one.differences} == {"", *categories}


def test_several_seeds_are_averaged_question_by_question_over_those_in_common():
    rng = np.random.default_rng(4)
    labels = unequal(rng, 12, 200)
    cells = {(m, s): table(answers(rng, labels, 0.1 * (m == "new")), labels) for m in ("base", "new") for s in range(3)}
    shown = analysis(*(result(m, t, seed=s) for (m, s), t in cells.items() if (m, s) != ("new", 2)))
    (one,) = shown.comparisons
    share = {key: t[[f"correct_{k}" for k in range(5)]].to_numpy(float).mean(1) for key, t in cells.items()}
    gains = np.stack([share["new", s] - share["base", s] for s in (0, 1)])
    assert one.seeds == (0, 1)
    assert one.spread == pytest.approx(gains.mean(1).std(ddof=1))
    known = cluster_interval(gains.mean(0), cells["base", 0]["cluster"].to_numpy(str))
    assert one.difference("avg@5").interval.mean == pytest.approx(known.mean)
    assert one.difference("avg@5").interval.se == pytest.approx(known.se)
    base = next(s for s in shown.scores if (s.system.name, s.metric, s.category) == (BASE, "avg@5", ""))
    assert base.seeds == base.over_seeds.seeds == 3
    means = [share["base", s].mean() for s in range(3)]
    assert base.interval.mean == pytest.approx(np.mean(means))
    assert base.spread == pytest.approx(np.std(means, ddof=1))


def test_flips_are_named_in_both_directions():
    labels = np.repeat(np.arange(4), 2)
    right = np.zeros((8, 5), dtype=bool)
    before, after = right.copy(), right.copy()
    before[[0, 1, 2]] = True
    after[[0, 3]] = True
    (one,) = analysis(result("base", table(before, labels)), result("new", table(after, labels))).comparisons
    assert [(flip.id, flip.category, flip.cluster) for flip in one.flips.gained] == [("q0003", "Omentum", "VID001")]
    assert [flip.id for flip in one.flips.lost] == ["q0001", "q0002"]
    assert (one.flips.metric, one.flips.questions) == ("major@5", 8)


@pytest.mark.parametrize(("rights", "flips"), [((1, 0), 0), ((1, 1, 0), 1)], ids=["one of two is half", "two of three"])
def test_over_seeds_a_question_is_right_when_most_seeds_say_so(rights, flips):
    labels = np.arange(3)
    none = np.zeros((3, 5), dtype=bool)
    cells = []
    for seed, right in enumerate(rights):
        one = none.copy()
        one[0] = bool(right)
        cells += [result("base", table(none, labels), seed=seed), result("new", table(one, labels), seed=seed)]
    (found,) = analysis(*cells).comparisons
    assert len(found.flips.gained) == flips


def test_all_pairs_compares_each_with_each_and_holm_counts_them():
    rng = np.random.default_rng(5)
    labels = unequal(rng, 20, 200)
    cells = [result(m, table(answers(rng, labels), labels)) for m in "abcd"]
    shown = analysis(*cells, all_pairs=True)
    assert [(one.baseline.short[7], one.other.short[7]) for one in shown.comparisons] == [
        ("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d"),
    ]  # fmt: skip
    assert shown.comparisons[0].difference("avg@5").level == pytest.approx(0.05 / 6)
    assert len(analysis(*cells).comparisons) == 3


def test_two_benchmarks_are_one_family_and_never_mixed():
    first, second = two(20, 0.1)
    others = [result(m, r.questions, benchmark="omnimed_mi_mini") for m, r in (("base", first), ("new", second))]
    shown = analysis(first, second, *others)
    assert [one.benchmark for one in shown.comparisons] == ["sgg_anatomy_mini", "omnimed_mi_mini"]
    assert [one.test.p for one in shown.comparisons] == [2 * one.test.flip.p for one in shown.comparisons]


def test_outside_a_declared_family_there_is_an_interval_and_no_verdict():
    first, second = two(20, 0.1)
    third = result("third", second.questions)
    tested, untested = analysis(first, second, third, family=family(1)).comparisons
    assert tested.test.verdict == "better"
    assert untested.test is None
    assert untested.difference("avg@5").interval.low > 0


def test_a_family_without_any_of_these_systems_is_refused():
    with pytest.raises(AnatomyR1Error, match="none of its comparisons"):
        analysis(*two(20, 0.1), family=Family("f", "avg@5", (frozenset({"x", "y"}),)))


@pytest.mark.parametrize("metric", METRICS)
def test_any_metric_can_be_the_tested_one(metric):
    (one,) = analysis(*two(24, 0.15), metric=metric).comparisons
    assert one.test.verdict == "better"
    assert one.flips.metric == (metric if metric != "avg@5" else "major@5")


def test_systems_share_what_they_were_made_from():
    system, *_ = of(*two(8, 0.0))
    assert system.known("data") == ("data",)
    assert system.known("commit")[0].startswith("c0ffee0")
