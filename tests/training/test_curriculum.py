"""Levels, pools and distractors: by hand, exhaustively on the mini world's six anatomies."""

import random
from itertools import combinations

import pytest

from anatomy_r1.mini.classes import ANATOMIES, MODALITIES
from anatomy_r1.question import Question
from anatomy_r1.training.curriculum import (
    LevelRule,
    at_any_level,
    at_level,
    bin_edges,
    bin_of,
    bins,
    distractor_pools,
    easiest_first,
    eligible,
    levels,
)
from anatomy_r1.training.similarity import difficulty, mini_similarity

LIKENESS = mini_similarity()


def ask(answer, options, benchmark="sgg_anatomy_mini", category=""):
    return Question(
        id=answer, benchmark=benchmark, stem="?", options=options, answer=answer, image="i.png",
        category=category or answer, cluster="c",
    )  # fmt: skip


QUESTIONS = [ask(a, (a, *[b for b in ANATOMIES if b != a][:3])) for a in ANATOMIES]
POOLS = distractor_pools(QUESTIONS, LIKENESS)
EDGES = bin_edges(POOLS, 3)


@pytest.mark.parametrize(
    ("accuracies", "expected", "case"),
    [
        ([], [0], "nothing served yet"),
        ([1, 1], [0, 0, 1], "threshold met on a full window"),
        ([0.5, 0.7, 0], [0, 0, 1, 1], "the mean counts; a level is never lost"),
        ([1, 1, 1, 1], [0, 0, 1, 1, 2], "a new level starts a new window"),
        ([1] * 8, [0, 0, 1, 1, 2, 2, 2, 2, 2], "the last level stays"),
        ([0.59, 0.6, 0.6], [0, 0, 0, 1], "exactly the threshold is enough"),
    ],
)
def test_levels(accuracies, expected, case):
    assert levels(accuracies, LevelRule(levels=3, window=2, threshold=0.6)) == expected, case


def test_levels_of_a_longer_log_begin_with_those_of_a_shorter_one():
    rng = random.Random(0)
    accuracies = [rng.random() for _ in range(60)]
    rule = LevelRule(levels=4, window=3, threshold=0.6)
    whole = levels(accuracies, rule)
    assert whole[-1] > 0
    for cut in range(60):
        assert levels(accuracies[:cut], rule) == whole[: cut + 1]


@pytest.mark.parametrize("wrong", [{"levels": 0}, {"window": 0}, {"threshold": 1.5}])
def test_a_level_rule_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match="wants levels"):
        LevelRule(**wrong)


def test_attainable_scores_are_those_of_all_choices_of_three():
    for pool in POOLS:
        answer = pool.question.answer
        others = [n for n in ANATOMIES if n != answer]
        every = {difficulty(LIKENESS, answer, chosen) for chosen in combinations(others, 3)}
        assert set(pool.attainable) == every


def test_every_bin_has_a_similar_share_of_the_attainable_scores():
    counts = [0, 0, 0]
    for pool in POOLS:
        for value in pool.attainable:
            counts[bin_of(value, EDGES)] += 1
    assert sum(counts) == 18
    assert min(counts) >= 5


def test_served_scores_lie_in_the_levels_bin_or_the_highest_reachable_below():
    rng = random.Random(1)
    for level in range(3):
        for index in eligible(POOLS, EDGES, level):
            for _ in range(20):
                served = at_level(POOLS[index], EDGES, level, rng)
                score = difficulty(LIKENESS, served.answer, [o for o in served.options if o != served.answer])
                wanted = max(b for b in bins(POOLS[index], EDGES) if b <= level)
                assert bin_of(score, EDGES) == wanted
                assert len(served.options) == 4
                assert served.answer in served.options


def test_served_scores_rise_with_the_level_and_span_at_least_three_tenths():
    means = []
    for level in range(3):
        rng = random.Random(level)
        served = [at_level(POOLS[i], EDGES, level, rng) for i in eligible(POOLS, EDGES, level) for _ in range(50)]
        scores = [difficulty(LIKENESS, q.answer, [o for o in q.options if o != q.answer]) for q in served]
        means.append(sum(scores) / len(scores))
    assert means == sorted(means)
    assert means[-1] - means[0] >= 0.3


def test_all_questions_are_served_at_the_last_level_and_not_all_at_the_first():
    assert eligible(POOLS, EDGES, 2) == list(range(6))
    first = eligible(POOLS, EDGES, 0)
    assert 0 < len(first) < 6
    hidden = next(i for i in range(6) if i not in first)
    with pytest.raises(ValueError, match="no choice of distractors"):
        at_level(POOLS[hidden], EDGES, 0, random.Random(0))


def test_the_right_answer_may_be_at_any_position_and_the_choice_is_reproducible():
    served = [at_level(POOLS[0], EDGES, 2, random.Random(i)) for i in range(200)]
    assert {q.letter for q in served} == set("ABCD")
    assert served[7] == at_level(POOLS[0], EDGES, 2, random.Random(7))


def test_the_control_uses_every_bin_from_the_start():
    rng, seen = random.Random(0), set()
    for _ in range(200):
        q = at_any_level(POOLS[3], EDGES, rng)
        seen.add(bin_of(difficulty(LIKENESS, q.answer, [o for o in q.options if o != q.answer]), EDGES))
    assert seen == set(bins(POOLS[3], EDGES))
    assert len(seen) > 1


def test_microscopy_questions_keep_to_options_of_their_type_and_unknown_ones_to_their_own():
    kinds = {"benchmark": "omnimed_mi_mini"}
    questions = [
        ask("Cartilage", ("Cartilage", "Epithelium", "Smooth Muscle", "Adipose Tissue"), category="tissue", **kinds),
        ask("Lymphoid Tissue", ("Lymphoid Tissue", "Cartilage", "Colon Mucosa", "Polyp"), category="tissue", **kinds),
        ask("Microscopy", MODALITIES[:4], category="modality", **kinds),
    ]  # fmt: skip
    found = distractor_pools(questions, LIKENESS)
    assert set(found[0].distractors) == {
        "Epithelium", "Smooth Muscle", "Adipose Tissue", "Lymphoid Tissue", "Colon Mucosa", "Polyp"
    }  # fmt: skip
    borders = bin_edges(found, 3)
    assert at_level(found[2], borders, 0, random.Random(0)) == questions[2]
    assert bins(found[2], borders) == (0, 1, 2)


def test_reordering_keeps_the_questions_and_puts_the_easy_first():
    assert easiest_first([3, 1, 2, 1, 0], {0: 0.9, 1: -0.5, 2: None, 3: -0.5}) == [3, 1, 1, 0, 2]
