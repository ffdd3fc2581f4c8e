"""Rotated options: every cyclic order once, and the gold answer kept."""

from collections import Counter

import pytest

from anatomy_r1.data.shown import original, prompted, rotations
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import VIEWS, parse_row, row_name, split_row
from anatomy_r1.question import Question

ORGANS = ("Gut", "Liver", "Omentum", "Cystic Plate", "Duct", "Spleen", "Stomach", "Wall")


def ask(options, answer, id="VID01/1/3"):  # noqa: A002
    return Question(id, "b", "What is this ?", options, answer, "1.png", category=answer, cluster="VID01")


def test_four_options_by_hand():
    found = rotations(ask(ORGANS[:4], "Liver"))
    assert [one.options for one in found] == [
        ("Gut", "Liver", "Omentum", "Cystic Plate"),
        ("Liver", "Omentum", "Cystic Plate", "Gut"),
        ("Omentum", "Cystic Plate", "Gut", "Liver"),
        ("Cystic Plate", "Gut", "Liver", "Omentum"),
    ]
    assert [one.letter for one in found] == ["B", "A", "D", "C"]
    assert [one.id for one in found] == [f"VID01/1/3#rotated{shift}" for shift in range(4)]


@pytest.mark.parametrize("count", [2, 3, 4, 8], ids=["yes or no", "three", "four", "as many as letters"])
def test_every_option_is_at_every_letter_once(count):
    given = ask(ORGANS[:count], ORGANS[1])
    found = rotations(given)
    assert len(found) == count
    assert set(Counter((at, text) for one in found for at, text in enumerate(one.options)).values()) == {1}
    for one in found:
        assert (one.answer, one.cluster, one.image) == (given.answer, given.cluster, given.image)


@pytest.mark.parametrize(
    ("id_", "of"),
    [("q#rotated12", ("q", 12)), ("q", ("q", 0)), ("q#rotated", ("q#rotated", 0)), ("#rotated1", ("", 1))],
    ids=["rotated", "as given", "a mark without a number", "an empty id"],
)
def test_ids_come_back(id_, of):
    assert original(id_) == of


def test_the_rotations_of_a_question_stay_together():
    two = [ask(ORGANS[:2], "Gut", "a"), ask(ORGANS[:3], "Gut", "b")]
    assert [original(one.id)[0] for one in prompted(two, "rotated")] == ["a", "a", "b", "b", "b"]
    assert prompted(two, "given") == two
    with pytest.raises(AnatomyR1Error, match="neither given nor rotated"):
        prompted(two, "shuffled")


@pytest.mark.parametrize("view", VIEWS)
def test_a_rows_name_comes_back(view):
    assert split_row(row_name("grpo", view)) == parse_row(row_name("grpo", view)) == ("grpo", view)


def test_an_unknown_view_is_part_of_a_name_in_a_store_and_an_error_on_the_command_line():
    assert split_row("me@home") == ("me@home", "plain")
    with pytest.raises(AnatomyR1Error, match="no view 'home'; there are: plain, no-image, wrong-image, rotations"):
        parse_row("me@home")
