"""Base and seed as random factors: by hand, at the edges, how often the interval holds the truth, and power."""

import math
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student_t

from anatomy_r1.bases import RunKey
from anatomy_r1.cli.main import main
from anatomy_r1.comparison.power import Components, Design, detectable_difference, estimated, simulate, smallest_designs
from anatomy_r1.comparison.report import document
from anatomy_r1.comparison.retraining import RetrainingInterval, method_verdict, retraining_interval
from anatomy_r1.scoring.intervals import cluster_interval
from tests.helpers.worlds import analysis, answers, result, table

DOCS = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"
RUNS = [RunKey(base, seed) for base, seed in product("abc", range(3))]
CLUSTERS = np.repeat(np.arange(4), 3)


def test_three_variances_add_up_and_the_degrees_of_freedom_are_satterthwaite_s():
    values = np.random.default_rng(0).normal(size=(9, 12)) + np.repeat([0.0, 1.0, 3.0], 3)[:, np.newaxis]
    values += np.tile([0.0, 2.0, 5.0], 3)[:, np.newaxis]
    found, means = retraining_interval(values, CLUSTERS, RUNS), values.mean(axis=1).reshape(3, 3)
    left = means - means.mean(0) - means.mean(1)[:, np.newaxis] + means.mean()
    parts = [
        (cluster_interval(values.mean(axis=0), CLUSTERS).se ** 2, 3),
        (means.mean(axis=1).var(ddof=1) / 3, 2),
        (means.mean(axis=0).var(ddof=1) / 3 - (left**2).sum() / 4 / 9, 2),
    ]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / of for part, of in parts)
    half = student_t.ppf(0.975, freedom) * math.sqrt(variance)
    assert (found.mean, found.se, found.freedom) == pytest.approx((values.mean(), math.sqrt(variance), freedom))
    assert (found.low, found.high, found.bases) == pytest.approx((values.mean() - half, values.mean() + half, 3))
    assert found.over == "clusters, seeds and bases"


def test_what_seeds_share_counts_nothing_where_the_noise_of_trainings_explains_it():
    noise = np.array([[0.0, 1.0, -1.0], [1.0, -1.0, 0.0], [-1.0, 0.0, 1.0]]).reshape(9, 1)  # all seeds' means are 0
    values = noise + np.random.default_rng(1).normal(size=12)
    over_clusters, of_noise = cluster_interval(values.mean(axis=0), CLUSTERS).se ** 2, 6 / 4 / 9
    found = retraining_interval(values, CLUSTERS, RUNS)
    assert found.se**2 == pytest.approx(over_clusters + of_noise)  # the bases' means are equal, by chance
    assert found.freedom == pytest.approx(found.se**4 / (over_clusters**2 / 3 + of_noise**2 / 4))


def test_false_alarms_at_a_strict_level_are_no_more_than_stated():
    rng, clusters, level = np.random.default_rng(0), range(20), 0.005
    drawn = (rng.normal(0, 0.02, 20) + rng.normal(0, 0.04, (9, 1)) for _ in range(2000))
    alarms = sum(retraining_interval(values, clusters, RUNS).p <= level for values in drawn)
    assert alarms <= 2000 * level  # 1.3 % without the bound by the noise of trainings


@pytest.mark.parametrize("deciding", ["bases", "seeds"])
def test_false_alarms_where_bases_or_seeds_decide_nearly_all_are_told(deciding):
    """The noise of trainings, 0.5 points, is then no bound: the page says five times as many as stated."""
    rng, told = np.random.default_rng(0), "| 2 | 3 | 0 | 0.5 |" if deciding == "bases" else "| 2 | 0 | 3 | 0.5 |"
    (row,) = (line for line in DOCS.read_text().splitlines() if line.startswith(told))
    at_5, at_half = (float(cell) / 100 for cell in row.split("|")[5:7])
    alarms, draws = np.zeros(2), 2000
    for _ in range(draws):
        factor = rng.normal(0, 0.03, (3, 1) if deciding == "bases" else (1, 3))
        means = (factor + rng.normal(0, 0.005, (3, 3))).reshape(9, 1)
        p = retraining_interval(rng.normal(0, 0.02, 20) + means, range(20), RUNS).p
        alarms += [p <= 0.05, p <= 0.005]
    for found, stated in zip(alarms / draws, (at_5, at_half), strict=True):
        assert found == pytest.approx(stated, abs=3 * math.sqrt(stated / draws))


def test_the_order_of_the_runs_does_not_matter():
    values, order = np.random.default_rng(2).normal(size=(9, 12)), np.random.default_rng(3).permutation(9)
    again = retraining_interval(values[order], CLUSTERS, [RUNS[at] for at in order])
    assert again.se == pytest.approx(retraining_interval(values, CLUSTERS, RUNS).se)


@pytest.mark.parametrize(
    ("why", "runs"),
    [
        ("two bases", [run for run in RUNS if run.base != "c"]),
        ("two seeds", [run for run in RUNS if run.seed < 2]),
        ("a base lacks a seed", RUNS[:-1]),
        ("a run twice", [*RUNS[:-1], RUNS[0]]),
    ],
)
def test_there_is_no_interval_of_the_method_without_every_seed_of_three_bases(why, runs):
    values = np.random.default_rng(5).normal(size=(len(runs), 12))
    assert retraining_interval(values, CLUSTERS, runs) is None


@pytest.mark.parametrize(
    ("low", "high", "p", "said"),
    [
        (0.01, 0.09, 0.04, "better"),
        (-0.09, -0.01, 0.05, "worse"),
        (0.01, 0.09, 0.06, "underpowered"),
        (-0.05, 0.04, 0.9, "no detectable difference"),
        (-0.06, 0.04, 0.9, "underpowered"),
    ],
)
def test_the_verdict_of_the_method(low, high, p, said):
    found = RetrainingInterval((low + high) / 2, low, high, 0.02, 4.0, 3)
    assert method_verdict(found, p, level=0.05, smallest_difference=0.05) == said


def cells(bases, lacking=()):
    """Of two systems, the second better from all bases but, where `bases` is given, only from the first."""
    rng, labels, found = np.random.default_rng(6), np.repeat(np.arange(20), 10), []
    for (number, base), seed in product(enumerate(bases), range(3)):
        if (base, seed) in lacking:
            continue
        for method, gain in (("base", 0.0), ("new", 0.3 if number == 0 or len(bases) == 1 else 0.05)):
            right = answers(rng, labels, shift=gain, wobble=0.0)
            found.append(replace(result(method, table(right, labels), seed=seed), base=base))
    compared = analysis(*found)
    shown = next(one for one in document(compared).tables if one.name == "verdicts")
    return compared, dict(zip([one.title for one in shown.columns], shown.blocks[0].rows[0].cells, strict=True))


def test_a_gain_from_one_base_is_of_these_weights_and_not_of_the_method():
    compared, shown = cells(("b-1", "b-2", "b-3"))
    (one,) = compared.comparisons
    assert (shown["verdict"].text, shown["verdict"].aside) == ("better", "(these weights)")
    assert (shown["the method"].text, shown["seeds"].text) == ("underpowered", "0, 1, 2 x b-1, b-2, b-3")
    assert (one.seeds, one.bases, one.runs) == ((0, 1, 2), ("b-1", "b-2", "b-3"), 9)
    assert "over clusters, seeds and bases" in shown


def test_a_base_without_one_of_the_seeds_leaves_no_verdict_of_the_method_and_is_told():
    compared, shown = cells(("b-1", "b-2", "b-3"), lacking=[("b-3", 2)])
    (one,) = compared.comparisons
    assert (one.runs, one.retrained, one.test.method, one.test.of_these_weights) == (8, None, None, True)
    assert (shown["seeds"].text, shown["the method"].text) == ("0, 1 x b-3; 0, 1, 2 x b-1, b-2", "—")
    (told,) = document(compared).headlines
    assert "each under all of the seeds" in told.sentence


def test_with_one_base_the_method_is_told_to_be_of_that_base():
    _, shown = cells(("",))
    assert (shown["the method"].text, shown["the method"].aside) == ("better", "(one base)")
    assert (shown["seeds"].text, "over clusters and seeds" in shown) == ("0, 1, 2", True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    re.findall(r"^\| (\d+) \| (\d+) x (\d+) \| (\d+) \| (\d+) \| (\d+) \| (.*) \|$", DOCS.read_text(), re.MULTILINE),
    ids=str,
)
def test_coverage_and_power_are_what_the_documentation_says(case):
    clusters, bases, seeds, *points = map(int, case[:6])
    spread, design = Components(0.10, *(point / 100 for point in points), 0.05), Design(clusters, bases, seeds)
    smallest = detectable_difference(spread, design)
    found = simulate(spread, design, experiments=400, seed=1)
    power = simulate(spread, design, smallest, experiments=400, seed=2).found
    covered, by_weights, told, detected = (float(cell) for cell in case[6].split(" | "))
    assert covered > 92
    assert 100 * smallest == pytest.approx(told, abs=0.051)
    for measured, stated in ((found.covered, covered), (found.covered_by_weights, by_weights), (power, detected)):
        error = math.sqrt(stated / 100 * (1 - stated / 100) * (1 / 400 + 1 / 800))
        assert measured == pytest.approx(stated / 100, abs=3 * error)


def test_a_small_simulation_covers_and_detects():
    spread, design = Components(0.08, 0.04, 0.0, 0.04, 0.05), Design(20, 3, 3)
    nothing = simulate(spread, design, experiments=150, seed=3)
    assert nothing.covered > 0.9 > nothing.covered_by_weights
    assert simulate(spread, design, detectable_difference(spread, design), experiments=150, seed=4).found > 0.6


def test_more_bases_and_seeds_detect_less_and_the_fewest_seeds_are_told():
    spread = Components(0.05, 0.02, 0.0, 0.03)
    found = [detectable_difference(spread, Design(40, *sizes)) for sizes in ((3, 3), (3, 5), (5, 5), (8, 5))]
    assert found == sorted(found, reverse=True)
    for one in smallest_designs(spread, 40, 0.05):
        assert detectable_difference(spread, one) <= 0.05
        assert one.seeds == 3 or detectable_difference(spread, replace(one, seeds=one.seeds - 1)) > 0.05


def test_components_are_recovered_from_results():
    rng, runs = np.random.default_rng(7), [RunKey(str(base), seed) for base, seed in product(range(40), range(20))]
    values = rng.normal(0, 0.06, 40)[:, np.newaxis] + rng.normal(0, 0.03, (40, 20)) + rng.normal(0, 0.04, 20)
    found = estimated(values.reshape(-1, 1) + rng.normal(0, 0.1, 30), range(30), runs)
    assert (found.base, found.seed, found.training) == pytest.approx((0.06, 0.04, 0.03), rel=0.4)
    assert found.cluster == pytest.approx(0.1, rel=0.4)


def test_power_is_told_from_stated_deviations(capsys):
    words = ["power", "--clusters", "40", "--sd-clusters", "5", "--sd-base", "2", "--sd-seed", "0"]
    assert main([*words, "--sd-training", "3"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^  3 x 3 +\d+\.\d\d$", printed, re.MULTILINE)
    assert "bases x seeds that detect 5 points: " in printed
    assert main(words) == 2
    assert "not known: --sd-training" in capsys.readouterr().err


def test_results_of_one_base_do_not_tell_how_bases_differ(tmp_path, capsys):
    from anatomy_r1.results.store import save_result

    rng, labels = np.random.default_rng(8), np.repeat(np.arange(20), 10)
    for method, seed in product(("one", "two"), range(3)):
        save_result(tmp_path, result(method, table(answers(rng, labels), labels), seed=seed))
    paths = [str(tmp_path / "sgg_anatomy_mini" / "mini-l" / method) for method in ("one", "two")]
    assert main(["power", *paths]) == 2
    assert "the SD between bases is not known. Fix: --sd-base POINTS" in capsys.readouterr().err
    assert main(["power", *paths, "--sd-base", "0"]) == 0
    assert "20 clusters" in capsys.readouterr().out
