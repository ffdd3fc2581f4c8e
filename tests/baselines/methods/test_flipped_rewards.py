"""The reward that flips a tenth of the accuracy rewards: which, by how much, and the same after a resume."""

from types import SimpleNamespace

import pytest

from anatomy_r1.training.rewards import accuracy_reward
from baselines.methods.calibration import FLIPPED_SHARE, flip_reward

ROWS = 4000


def flips(step, *, answers=("A", "B")):
    texts = [f"<think> x </think> <answer> {answers[row % 2]} </answer>" for row in range(ROWS)]
    given = {"options": [("Liver", "Gut")] * ROWS, "letter": ["A"] * ROWS}
    ids = [f"q{row // 8}" for row in range(ROWS)]
    made = flip_reward(texts, question_id=ids, trainer_state=SimpleNamespace(global_step=step), **given)
    return made, accuracy_reward(texts, **given)


def test_the_sum_with_accuracy_is_accuracy_or_its_opposite():
    flipped, right = flips(3)
    assert set(right) == {0.0, 1.0}
    assert all(a + f == (1 - a if f else a) for a, f in zip(right, flipped, strict=True))


def test_about_a_tenth_is_hit_whatever_the_answer():
    flipped, right = flips(3)
    for answer in (0.0, 1.0):
        hit = [bool(f) for a, f in zip(right, flipped, strict=True) if a == answer]
        assert sum(hit) / len(hit) == pytest.approx(FLIPPED_SHARE, abs=0.03)


def test_another_step_hits_others_and_the_same_step_the_same():
    assert flips(3) == flips(3)
    assert flips(3)[0] != flips(4)[0]
