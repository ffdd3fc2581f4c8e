"""Truths planted in the mini world's own test set: the committed answers of its untrained policy, changed by hand.

Its questions, videos and difficulties are real to it: 600 questions in 20 videos of unequal difficulty.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.report import document
from anatomy_r1.results.store import load_result
from anatomy_r1.tables import text
from tests.helpers.worlds import analysis, name

STORE = Path(__file__).resolve().parents[2] / "results" / "mini-first" / "store" / "sgg_anatomy_mini" / "mini-l"
FLAGS = [f"correct_{repeat}" for repeat in range(5)]


@pytest.fixture(scope="module")
def policy():
    """The untrained policy under five sampling seeds."""
    found = [load_result(STORE / "zero-shot" / "matched" / f"seed{seed}.json") for seed in range(5)]
    assert found[0].questions["cluster"].nunique() >= 20
    return found


def called(method, cells, videos=None):
    """The cells as those of `method`, seeds from 0; of some videos only."""
    tables = [one.questions for one in cells]
    if videos is not None:
        tables = [table[table["cluster"].isin(videos)] for table in tables]
    return [replace(one, method=method, seed=n, questions=tables[n]) for n, one in enumerate(cells)]


def better(cells, points, seed=0):
    """The same policy, but that of its wrong answers as many are right as make it `points` better on average."""
    rng, changed = np.random.default_rng(seed), []
    for one in cells:
        right = one.questions[FLAGS].to_numpy(bool)
        right = right | (rng.random(right.shape) < points / 100 / (~right).mean())
        table = one.questions.assign(**dict(zip(FLAGS, right.T, strict=True)), major=right.sum(axis=1) >= 3)
        changed.append(replace(one, questions=table.assign(greedy=right[:, 0])))
    return changed


def test_ten_points_better_is_better(policy):
    (one,) = analysis(*called("base", policy[:1]), *called("new", better(policy[:1], 10))).comparisons
    assert one.difference("avg@5").interval.mean == pytest.approx(0.10, abs=0.015)
    assert one.test.verdict == "better"


def test_the_same_policy_sampled_anew_is_no_detectable_difference(policy):
    """Other seeds of the same weights: it is identical, and answers differently."""
    (one,) = analysis(*called("base", policy[:2]), *called("new", policy[2:4])).comparisons
    assert one.test.verdict == "no detectable difference"
    assert one.difference("avg@5").detectable < 0.05
    assert one.flips.gained and one.flips.lost


def test_on_seven_of_its_videos_the_same_question_is_underpowered_and_the_floor_is_shown(policy):
    videos = sorted(set(policy[0].questions["cluster"]))[:7]
    others = [frozenset({name("base"), f"other {n}"}) for n in range(8)]
    family = Family("nine against one", "avg@5", (frozenset({name("base"), name("new")}), *others))
    base = called("base", policy[:1], videos)
    shown = analysis(*base, *called("new", better(policy[:1], 10), videos), family=family)
    (one,) = shown.comparisons
    assert one.difference("avg@5").interval.mean > 0.05
    assert one.test.verdict == "underpowered"
    assert one.test.floor == pytest.approx(9 * 2 / 2**7)
    assert f"{one.test.floor:.4f}" in text.render(document(shown, 3))
