"""Tables as values: how a number and its interval are written."""

import pytest

from anatomy_r1.tables.table import bracketed, with_interval


@pytest.mark.parametrize(
    ("low", "high", "spec", "within", "text"),
    [
        (22.487, 41.0, ".2f", None, "[22.49, 41.00]"),
        (-0.5, 0.25, "+.3f", None, "[-0.500, +0.250]"),
        (-1.2, 101.0, ".1f", (0, 100), "[0.0, 100.0]"),
        (None, 3.0, ".2f", None, "[no interval]"),
        (3.0, None, ".2f", (0, 100), "[no interval]"),
    ],
    ids=["two decimals", "signed", "clipped to percent", "no lower bound", "no upper bound"],
)
def test_an_interval_is_written_in_brackets(low, high, spec, within, text):
    assert bracketed(low, high, spec, within) == text
    if within is None:
        assert with_interval(2.5, low, high, spec) == f"{2.5:{spec}} {text}"
