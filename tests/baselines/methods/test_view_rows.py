"""Control rows in the grid: what a word stands for, what they share with their policy, and what they leave alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import VIEWS
from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.plan import VIEWED, cells, evaluations, rows, select, stages
from baselines.experiment.profile import PROFILES, load_profile
from baselines.grid.grid import configuration
from baselines.methods.control import MAJORITY
from baselines.methods.registry import CALIBRATION, METHODS
from baselines.stages.stages import parse_evaluation

MINI = load_profile("mini")
CONTROLS = ("no-image", "wrong-image", "rotations", "balanced")


@pytest.mark.parametrize(
    ("names", "views", "found"),
    [
        (["grpo"], [], ["grpo"]),
        (["grpo"], ["plain", "no-image"], ["grpo", "grpo@no-image"]),
        (["grpo"], ["rotations"], ["grpo@rotations"]),
        (["grpo@no-image", "sft"], ["wrong-image"], ["grpo@no-image", "sft@wrong-image"]),
        (["grpo", "grpo@no-image"], ["plain", "no-image"], ["grpo", "grpo@no-image"]),
        ([MAJORITY.id, "sft"], ["plain", "no-image"], [MAJORITY.id, "sft", "sft@no-image"]),
    ],
    ids=["plain", "two views", "a view alone", "a row by name", "each once", "no model, no view"],
)
def test_words_and_rows(names, views, found):
    assert list(rows(names, views)) == found


def test_all_has_every_method_and_the_control_rows_of_some():
    found, methods = rows(["all"], []), tuple(one.id for one in METHODS if one not in CALIBRATION)
    assert found[: len(methods)] == methods
    assert set(found[len(methods) :]) == {f"{one}@{view}" for one in VIEWED for view in CONTROLS}
    assert rows(["all"], ["plain"]) == methods


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": [MAJORITY.id], "views": ["no-image"]}, "has no model that could be shown no-image"),
        ({"methods": ["grpo"], "views": ["sideways"]}, "no view 'sideways'"),
        ({"methods": ["grpo@sideways"]}, "no view 'sideways'; there are: plain, no-image"),
        ({"methods": ["nope@no-image"]}, "no method 'nope'"),
    ],
    ids=["nothing left", "an unknown view", "an unknown view of a row", "an unknown method"],
)
def test_what_cannot_be_shown_is_refused(arguments, message):
    with pytest.raises(AnatomyR1Error, match=message):
        select(MINI, **arguments)


def test_views_share_the_training_of_their_policy_and_move_no_digest_of_it():
    layout = Layout(Path("r"))
    alone, viewed = (select(MINI, methods=["grpo"], views=views) for views in ([], list(VIEWS)))
    added = [stage for stage in stages(MINI, layout, viewed) if stage not in stages(MINI, layout, alone)]
    evaluated = [stage for stage in added if stage.stage == "evaluate"]
    assert {stage.name for stage in added if stage not in evaluated} == {
        "sgg_anatomy_balanced_mini",
        "omnimed_mi_balanced_mini",
    }, "the sets that the balanced view asks"
    assert {stage.name.split("/")[2] for stage in evaluated} == {f"grpo@{view}" for view in CONTROLS}
    before, after = (configuration(GridRun(MINI, layout, "mini"), chosen) for chosen in (alone, viewed))
    assert before["digests"].items() <= after["digests"].items()
    of = "sgg_anatomy_mini/mini-l@mini-l-1/{}/matched/seed0"
    assert len({after["digests"]["evaluate/" + of.format(row)] for row in rows(["grpo"], list(VIEWS))}) == 5
    asked = after["asked"][of.format("grpo@balanced")]
    assert asked == "data/sgg_anatomy_balanced_mini/manifest.json"
    assert after["policies"][of.format("grpo@rotations")] == before["policies"][of.format("grpo")]


def test_a_rows_path_round_trips():
    cell = Cell("b", "m", "grpo", 3, "no-image")
    assert cell.under("equal-tokens") == "b/m/grpo@no-image/equal-tokens/seed3"
    assert parse_evaluation(cell.under("equal-tokens")) == (cell, "equal-tokens")
    assert parse_evaluation("b/m/grpo/matched/seed0") == (Cell("b", "m", "grpo", 0), "matched")
    assert cell.name == "b/m/grpo/seed3"


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_the_rows_that_a_profile_runs_by_default_exist(name):
    profile = load_profile(name)
    smoke = {*VIEWS} - {"balanced"}  # its sets are too small to balance
    assert {cell.view for cell in cells(select(profile))} == (smoke if name == "smoke" else {"plain"})


@pytest.mark.parametrize(
    ("chosen", "fix"),
    [("omnimed_mi_balanced_mini", "it is balanced itself"), ("sgg_anatomy_mini", "add the variant to the profile")],
    ids=["balanced itself", "no such set"],
)
def test_a_balanced_view_that_does_not_exist_is_refused_by_name_and_left_out_of_all(chosen, fix):
    data = {name: of for name, of in MINI.data.items() if name in (chosen, "omnimed_mi_mini")}
    profile = replace(MINI, data=data)
    with pytest.raises(AnatomyR1Error, match=fix):
        select(profile, methods=["grpo"], views=["balanced"], benchmarks=[chosen])
    found = select(profile, methods=["grpo"], views=["all"], benchmarks=[chosen])
    assert not any(cell.view == "balanced" for cell, _ in evaluations(profile, found))
