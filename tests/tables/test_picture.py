"""The axis of a picture of intervals: round ticks around the values and zero."""

import pytest

from anatomy_r1.tables.html import render
from anatomy_r1.tables.picture import axis, pictures
from anatomy_r1.tables.table import Document, Headline


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([33.1, -20.5], (-40.0, -20.0, 0.0, 20.0, 40.0)),
        ([2.0, 8.0], (0.0, 2.0, 4.0, 6.0, 8.0)),  # zero is always there
        ([-0.3], (-0.3, -0.2, -0.1, 0.0)),
        ([0.0], (0.0, 1.0)),
        ([], (0.0, 1.0)),
    ],
    ids=["both signs", "above zero", "small", "zero alone", "nothing"],
)
def test_an_axis_has_round_ticks_around_the_values_and_zero(values, ticks):
    found = axis(values)
    assert found.ticks == pytest.approx(ticks)
    assert all(0 <= found.place(value) <= 100 for value in [0.0, *values])
    assert (found.place(found.low), found.place(found.high)) == (0, 100)


def told(*values):
    return [Headline("b: minus a", f"m{value}", "differs.", value, (value - 1, value + 1)) for value in values]


def test_a_difference_far_from_the_others_is_a_number_at_the_edge():
    near = told(-3.0, 5.0)
    ((_, alone, _),) = pictures(near)
    ((_, found, rows),) = pictures([*near, *told(-58.7)])
    assert found == alone
    assert [found.holds(one) for one in rows] == [True, True, False]
    page = render(Document("t", "", headlines=tuple(rows)))
    assert "\u25c2 -58.7" in page
    assert page.count('<circle class="dot" cx=') == 1 + 2  # the key's and those of the others


def test_where_all_are_far_the_axis_reaches_them():
    ((_, found, rows),) = pictures(told(-58.7, -70.0))
    assert all(found.holds(one) for one in rows)
