"""Statements of the figures: values by hand, intervals as scipy has them, and verdicts from the interval alone."""

import pytest
from scipy import stats

from anatomy_r1.scoring.intervals import Interval
from reports.figures import statements as module
from reports.figures.points import groups_frame
from reports.figures.statements import EASIEST, HARDEST, FigureClaim, Part, claims, mean, measured, statements, verdict
from tests.helpers.made_curves import training


def stated(rows, id_):
    return next(row for row in rows if row.statement == id_)


def claim(says="", margin=0.0, column="accuracy", of=None, minus=None):
    return FigureClaim(1, "x", "p", "q", says, margin, column, of, minus)


def test_windows_are_shares_of_the_own_steps_by_hand():
    frame = groups_frame([training(accuracies=[0.0, 0.0, 0.25, 0.25, 1.0, 0.5])])
    assert mean(frame, "accuracy", Part("grpo", "first third")).tolist() == [0.0]
    assert mean(frame, "accuracy", Part("grpo", "last third")).tolist() == [0.75]
    assert mean(frame, "accuracy", Part("grpo", "second half")).tolist() == [pytest.approx(1.75 / 3)]
    change = claim(of=Part("grpo", "last third"), minus=Part("grpo", "first third"))
    assert measured(frame, change).tolist() == [0.75]


def test_a_difference_is_paired_over_the_seeds_that_both_have():
    rows = [training("grpo", seed, [0.0, value]) for seed, value in ((0, 1.0), (1, 0.5), (2, 0.25))]
    rows += [training("grpo-gdqa", seed, [0.0, value]) for seed, value in ((1, 0.25), (2, 0.5), (3, 1.0))]
    difference = claim(of=Part("grpo", "second half"), minus=Part("grpo-gdqa", "second half"))
    assert measured(groups_frame(rows), difference).to_dict() == {1: 0.25, 2: -0.25}


def test_the_interval_is_students_over_seeds():
    invalid = {
        0: [0, 0, 1, 1],
        1: [0, 0, 0, 1],
        2: [0, 0, 1, 0],
        3: [1, 0, 0, 0],
    }  # share of the last half: 1, .5, .5, 0
    rows = [training("grpo", seed, [1.0 - value for value in values]) for seed, values in invalid.items()]
    rows += [training("grpo-gdqa", seed, [1.0, 1.0, 1.0, 1.0]) for seed in invalid]
    row = stated(statements(groups_frame(rows)), "gdqa-lowers")
    values = [1.0, 0.5, 0.5, 0.0]
    low, high = stats.t.interval(0.95, 3, loc=0.5, scale=stats.sem(values))
    assert (row.estimate, row.seeds) == (0.5, 4)
    assert (row.low, row.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert row.verdict == module.OPEN  # 0.5 with a half width of 0.65


def test_easy_and_hard_are_picked_by_the_other_seeds():
    """On its own, each seed's best would gain; by the others' choice the gain is what that anatomy really did."""
    gut_late, liver_late = {0: 1.0, 1: 0.75, 2: 0.0}, {0: 0.0, 1: 0.25, 2: 0.5}
    rows = [
        training(
            "grpo", seed, [0.0, 0.0, gut_late[seed], liver_late[seed]], steps=[1, 1, 3, 3], anatomy=["Gut", "Liver"] * 2
        )
        for seed in gut_late
    ]
    frame = groups_frame(rows)
    # Others of seed 0: Gut (0.75 + 0) / 2 = .375, Liver (.25 + .5) / 2 = .375: a tie, the stable order puts Gut lower.
    # Others of seed 1: Gut .5, Liver .25. Others of seed 2: Gut .875, Liver .125.
    (gap,) = (one for one in claims([]) if one.id == "gap")
    assert measured(frame, gap).to_dict() == {0: 0.0 - 1.0, 1: 0.75 - 0.25, 2: 0.0 - 0.5}


def test_picking_needs_a_second_seed_and_a_second_anatomy():
    one = groups_frame([training(anatomy=["Gut", "Liver", "Gut", "Liver"])])
    alike = groups_frame([training(seed=0), training(seed=1)])
    for frame in (one, alike):
        for which in (EASIEST, HARDEST):
            assert mean(frame, "accuracy", Part("grpo", "second half", which)).empty


@pytest.mark.parametrize(
    ("says", "low", "high", "expected"),
    [
        ("rise", 0.1, 0.3, module.AS_PAPER),
        ("rise", -0.1, 0.3, module.OPEN),
        ("rise", -0.3, -0.1, module.CONTRADICTS),
        ("fall", -0.3, -0.1, module.AS_PAPER),
        ("fall", 0.1, 0.3, module.CONTRADICTS),
        ("no rise", -0.5, 0.04, module.AS_PAPER),
        ("no rise", -0.1, 0.1, module.OPEN),
        ("no rise", 0.06, 0.2, module.CONTRADICTS),
        ("no change", -0.04, 0.04, module.AS_PAPER),
        ("no change", -0.5, 0.5, module.OPEN),
        ("no change", -0.5, -0.1, module.CONTRADICTS),
        ("", -0.5, 0.5, module.NO_CLAIM),
    ],
)
def test_the_whole_interval_decides(says, low, high, expected):
    margin = 0.05 if says.startswith("no") else 0.0
    found = verdict(claim(says, margin), Interval((low + high) / 2, low, high, 0.1, 3, 3))
    assert found.removesuffix(" (margin 0.05, ours)") == expected
    assert ("margin" in found) == says.startswith("no ")


def test_one_seed_and_seeds_without_spread_have_no_verdict():
    fewer = next(one for one in claims([]) if one.id == "gdqa-lowers")
    assert verdict(fewer, Interval(0.5, None, None, None, 1, 1)) == module.NO_INTERVAL
    assert verdict(fewer, Interval(0.5, 0.5, 0.5, 0.0, 3, 3)) == module.NO_SPREAD
    assert verdict(fewer, None) == module.NOT_RUN


def test_what_did_not_run_is_a_row_without_a_number():
    rows = statements(groups_frame([training(seed=0), training(seed=1)]))
    row = stated(rows, "asc-difficulty")
    assert (row.estimate, row.low, row.seeds, row.verdict) == (None, None, 0, module.NOT_RUN)
    assert {row.figure for row in rows} == {1, 2, 5, 6}


def test_every_statement_has_a_name_of_its_own_and_both_files_say_the_same():
    import csv
    import io
    import json

    rows = statements(groups_frame([training(seed=seed, accuracies=[0.0, 0.5, 1.0, seed / 4]) for seed in range(3)]))
    assert len({(row.figure, row.statement) for row in rows}) == len(rows)
    table = list(csv.DictReader(io.StringIO(module.as_csv(rows))))
    assert [row["statement"] for row in table] == [row["statement"] for row in json.loads(module.as_json(rows))]
    assert [row["estimate"] for row in table] == ["" if row.estimate is None else str(row.estimate) for row in rows]
