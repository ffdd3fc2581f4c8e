"""Three quantities of a group, by hand."""

import math

import pytest

from anatomy_r1.training.curves import all_wrong, distinct, entropy_bits

QUARTERS = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [([0.0] * 8, True), ([0.0] * 7 + [1.0], False), ([1.0] * 8, False), ([0.0], True)],
    ids=["all wrong", "one right", "all right: constant, but not all wrong", "a group of one"],
)
def test_a_group_is_all_wrong_when_no_response_is_right(accuracies, expected):
    assert all_wrong(accuracies) is expected


@pytest.mark.parametrize(
    ("choices", "number", "bits"),
    [
        (["A"] * 8, 1, 0.0),
        (["A"] * 4 + ["B"] * 4, 2, 1.0),
        (["A", "A", "B", "B", "C", "C", "D", "D"], 4, 2.0),
        (["A", "A", "A", None], 2, QUARTERS),
        ([None, None], 1, 0.0),
        (["A", None, "A", None], 2, 1.0),
        (list("abcdefgh"), 8, 3.0),
    ],
    ids=["uniform", "halves", "four of four", "unparsed is a class", "all unparsed", "unparsed are one class", "all"],
)
def test_distinct_and_entropy_by_hand(choices, number, bits):
    assert distinct(choices) == number
    assert entropy_bits(choices) == pytest.approx(bits, abs=1e-12)


def test_texts_that_differ_by_a_space_are_distinct():
    assert distinct(["<answer> A </answer>", "<answer>A</answer>"]) == 2


@pytest.mark.parametrize("measure", [all_wrong, distinct, entropy_bits])
def test_an_empty_group_is_refused(measure):
    with pytest.raises(ValueError, match="empty group"):
        measure([])
