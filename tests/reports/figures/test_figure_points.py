"""Points of figures by hand: bins, means, costs; and curves that cannot be one frame."""

import pytest

from anatomy_r1.errors import AnatomyR1Error
from reports.figures.points import FEWEST_GROUPS, POOLED, chosen, groups_frame, points
from tests.helpers.made_curves import training


def test_points_by_hand():
    """Two seeds of 40 groups, one a step: two bins of 20 steps, each with 40 groups."""
    first, second = [0.0] * 20 + [1.0] * 20, [0.5] * 20 + [0.75] * 20
    frame = groups_frame([training(seed=0, accuracies=first), training(seed=1, accuracies=second)])
    found = points(frame, "accuracy", panel="anatomy", axis="kilotokens")
    pooled = found[found["seed"] == POOLED]
    bins = len(pooled)
    assert bins == 4  # 80 groups over FEWEST_GROUPS = 20
    assert pooled["groups"].tolist() == [20] * 4
    assert pooled["value"].tolist() == [0.25, 0.25, 0.875, 0.875]
    assert pooled["low"].tolist() == [0.0, 0.0, 0.75, 0.75]
    assert pooled["high"].tolist() == [0.5, 0.5, 1.0, 1.0]
    assert pooled["x"].tolist() == [5.5, 15.5, 25.5, 35.5]  # mean of 1 to 10 thousand tokens, and so on
    assert pooled[["first_step", "last_step"]].values.tolist() == [[1, 10], [11, 20], [21, 30], [31, 40]]
    seconds = points(frame, "accuracy", panel="anatomy", axis="seconds")
    assert seconds[seconds["seed"] == POOLED]["x"].tolist() == [11.0, 31.0, 51.0, 71.0]


def test_a_mean_over_seeds_weighs_groups_alike():
    uneven = [training(seed=0, accuracies=[1.0, 1.0, 1.0], steps=[1, 1, 1]), training(seed=1, accuracies=[0.0])]
    (row,) = points(groups_frame(uneven), "accuracy", panel=None, axis="kilotokens").query("seed == 'all'").itertuples()
    assert (row.value, row.low, row.high, row.groups) == (0.75, 0.0, 1.0, 4)


def test_bins_are_shared_and_stand_on_enough_groups_in_the_poorest_panel():
    many, few = training(accuracies=[0.5] * 400), training("grpo-gdqa", accuracies=[0.5] * 45)
    found = points(groups_frame([many, few]), "accuracy", panel="anatomy", axis="kilotokens").query("seed == 'all'")
    assert found.groupby("series").size().tolist() == [2, 2]
    assert found["groups"].min() >= FEWEST_GROUPS


def test_too_few_groups_for_the_rule_make_one_point():
    found = points(groups_frame([training(accuracies=[0.0, 1.0])]), "accuracy", panel=None, axis="kilotokens")
    assert found.query("seed == 'all'")[["value", "groups"]].values.tolist() == [[0.5, 2]]


def test_only_the_own_budget_and_own_questions_count_but_further_draws_cost():
    one = training(accuracies=[1.0, 0.0, 0.0], steps=[1, 1, 2], own=1, draw=[0, 1, 0])
    frame = groups_frame([one])
    assert frame["accuracy"].tolist() == [1.0]
    assert frame["kilotokens"].tolist() == [2.0]


def test_curves_of_two_profiles_or_of_one_training_twice_or_none_are_refused():
    import dataclasses

    one = training()
    for wrong in ([], [one, one], [one, dataclasses.replace(one, profile="smoke", seed=1)]):
        with pytest.raises(AnatomyR1Error):
            groups_frame(wrong)
    with pytest.raises(AnatomyR1Error, match="there are: sgg_anatomy_mini mini-l"):
        chosen(groups_frame([one]), "omnimed_mi", None)
