"""The order served: whole passes, groups together, no state."""

from collections import Counter

from baselines.trainers.serve import GroupSampler, question_order


def test_every_pass_serves_every_question_once():
    order = question_order(10, 30, seed=1)
    for first in (0, 10, 20):
        assert sorted(order[first : first + 10]) == list(range(10))
    assert order[:10] != order[10:20]


def test_a_longer_run_begins_with_the_shorter_one():
    assert question_order(7, 50, seed=2)[:20] == question_order(7, 20, seed=2)


def test_another_seed_is_another_order():
    assert question_order(50, 50, seed=0) != question_order(50, 50, seed=1)


def test_groups_stay_together_and_chunks_repeat():
    sampler = GroupSampler(5, chunk=2, chunks=3, group=4, repeats=2, seed=0)
    rows = list(sampler)
    assert len(rows) == len(sampler) == 2 * 3 * 4 * 2
    for first in range(0, len(rows), 4):
        assert len(set(rows[first : first + 4])) == 1
    assert rows[:8] == rows[8:16]
    assert set(Counter(rows).values()) <= {8, 16}


def test_no_chunk_holds_a_question_twice_where_a_pass_ends_within_it():
    order = question_order(7, 70, seed=3, chunk=3)
    chunks = [order[i : i + 3] for i in range(0, 70, 3)]
    assert all(len(set(chunk)) == len(chunk) for chunk in chunks)
    assert max(Counter(order).values()) - min(Counter(order).values()) == 0
    plain = question_order(7, 70, seed=3)
    assert any(len(set(plain[i : i + 3])) < 3 for i in range(0, 70, 3))  # what it is for


def test_chunks_larger_than_the_set_are_still_served():
    assert sorted(question_order(2, 6, seed=0, chunk=3)) == [0, 0, 0, 1, 1, 1]
