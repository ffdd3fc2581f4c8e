"""Statements of figures: what counts as independent where trainings start from several bases."""

from reports.figures.statements import _levels


def test_trainings_are_independent_by_base_where_there_are_several():
    assert _levels(["b-1/0", "b-1/1", "b-2/0"]) == ["b-1", "b-1", "b-2"]
    assert _levels(["b-1/0", "b-1/1"]) == ["b-1/0", "b-1/1"]
    assert _levels([0, 1, 2]) == ["0", "1", "2"]
