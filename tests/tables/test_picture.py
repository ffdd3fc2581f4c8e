"""The axis of a picture of intervals: round ticks around the values and zero."""

import pytest

from anatomy_r1.tables.picture import axis


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
