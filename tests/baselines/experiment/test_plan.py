"""The plan: shared stages once, parents before children, and a clear refusal without GPUs."""

from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from baselines.__main__ import main
from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.plan import cells, left_out, select, stages
from baselines.experiment.profile import load_profile
from baselines.grid.grid import configuration
from baselines.methods.registry import CALIBRATION, CONTROLS, METHODS, TABLE_1
from baselines.runtime import processes as requirements

MINI = load_profile("mini")


def test_default_selection_shares_world_data_and_base():
    every = stages(MINI, Layout(Path("runs/mini")), select(MINI))
    kinds = [stage.stage for stage in every]
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == {
        "world": 1,
        "data": 2,
        "base": 1,
        "train": 2 * 9,
        "evaluate": 2 * 12,
    }
    assert select(MINI).methods == tuple(one.id for one in (*TABLE_1, *CONTROLS))
    assert len({(stage.stage, stage.name) for stage in every}) == len(every)


def test_selection_takes_what_is_asked_for_and_names_what_is_unknown():
    chosen = select(MINI, methods=["grpo"], seeds=[1, 2])
    assert [cell.seed for cell in cells(chosen)] == [1, 2, 1, 2]
    assert select(MINI, methods=["grpo", "all"]).methods[0] == "grpo"
    every = [name for name in select(MINI, methods=["grpo", "all"]).methods if "@" not in name]
    assert sorted(every) == sorted(one.id for one in METHODS if one not in CALIBRATION)
    with pytest.raises(AnatomyR1Error, match="no model 'x'"):
        select(MINI, models=["x"])


def test_zero_shot_is_evaluated_on_the_base_model_itself():
    layout = Layout(Path("r"))
    assert layout.policy(Cell("b", "mini-l", "zero-shot", 0)) == Path("r/models/mini-l")
    assert layout.policy(Cell("b", "mini-l", "grpo", 0)) == Path("r/train/b/mini-l/grpo/seed0")


def test_a_changed_setting_changes_the_digests_of_its_stage_and_what_follows():
    run = GridRun(MINI, Layout(Path("r")), "mini")
    few = select(MINI, methods=["sft", "grpo"])
    before = configuration(run, few)["digests"]
    training = {**MINI.training, "rl": {**MINI.training["rl"], "beta": 0.5}}
    changed = GridRun(type(MINI)(**{**MINI.__dict__, "training": training}), run.layout, "mini")
    after = configuration(changed, few)["digests"]
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {name for name in before if "/grpo/" in name}
    assert len(moved) == 4  # two benchmarks, trained and evaluated


def test_the_arm_of_equal_tokens_evaluates_what_samples_and_trains_nothing_more():
    two = ["sft", "grpo"]
    both = select(MINI, methods=two, arms=["matched", "equal-tokens"])
    own, every = (stages(MINI, Layout(Path("r")), chosen) for chosen in (select(MINI, methods=two), both))
    added = [stage for stage in every if stage not in own]
    assert {(stage.stage, stage.name) for stage in added} == {
        ("evaluate", f"{benchmark}/mini-l@mini-l-1/grpo/equal-tokens/seed0") for benchmark in MINI.default["benchmarks"]
    }
    config = configuration(GridRun(MINI, Layout(Path("r")), "mini"), both)
    trained = "train/sgg_anatomy_mini/mini-l@mini-l-1/grpo/seed0/training.json"
    assert config["policies"]["sgg_anatomy_mini/mini-l@mini-l-1/grpo/equal-tokens/seed0"] == trained
    cell = Cell("b", "mini-l", "grpo", 0)
    assert Layout(Path("r")).policy(cell, "equal-tokens") == Path("r/train/b/mini-l/grpo/seed0/equal-tokens")


def test_a_profile_without_a_number_of_tokens_has_no_such_arm():
    training = {**MINI.training, "rl": {k: v for k, v in MINI.training["rl"].items() if k != "rollout_tokens"}}
    with pytest.raises(AnatomyR1Error, match="no arm 'equal-tokens' in this profile; there are: matched"):
        select(replace(MINI, training=training), arms=["equal-tokens"])


def test_paper_profile_is_planned_and_refused_without_gpus(capsys, monkeypatch):
    monkeypatch.setattr(requirements, "gpu_memory_gb", list)
    assert main(["run", "--profile", "paper"]) == 3
    printed = capsys.readouterr()
    assert "qwen2.5-vl-7b/grpo" in printed.out
    assert "needs 4 NVIDIA GPUs" in printed.err
    assert "--profile mini" in printed.err


@pytest.mark.parametrize(
    ("cards", "complaint"),
    [([80.0] * 4, ""), ([80.0], "1 found (80 GB)"), ([24.0] * 4, "4 found (24 GB, 24 GB, 24 GB, 24 GB)")],
)
def test_gpus_are_counted_by_size(cards, complaint, monkeypatch):
    monkeypatch.setattr(requirements, "gpu_memory_gb", lambda: cards)
    problems = requirements.missing_gpus(load_profile("paper"))
    assert (complaint in problems[0]) if complaint else problems == []


@pytest.mark.parametrize(
    "words",
    [
        ["--methods", "sft", "--arms", "equal-tokens"],
        ["--methods", "grpo", "--arms", "as-released", "--benchmarks", "omnimed_mi_mini"],
        ["--methods", "control-majority", "--arms", "as-released", "equal-tokens"],
    ],
)
def test_a_selection_without_an_evaluation_is_refused_and_no_success(words, tmp_path, capsys):
    assert main(["plan", "--runs", str(tmp_path), *words]) == 2
    assert "nothing to evaluate: there is no" in capsys.readouterr().err


def test_what_was_named_and_is_left_out_is_said(tmp_path, capsys):
    words = ["--methods", "sft", "grpo", "--arms", "equal-tokens"]
    main(["plan", "--runs", str(tmp_path), *words, "--benchmarks", "sgg_anatomy_mini"])
    assert "left out, for there is none in equal-tokens: sft\n" in capsys.readouterr().err
    chosen = select(MINI, methods=["grpo"], arms=["as-released"])
    assert left_out(MINI, chosen, ["grpo", "sgg_anatomy_mini", "omnimed_mi_mini"]) == ["omnimed_mi_mini"]


def test_an_unknown_id_ends_with_status_2_and_no_traceback(capsys):
    assert main(["plan", "--methods", "nope"]) == 2
    assert capsys.readouterr().err.startswith("error: no method 'nope'")


def test_case_11_a_default_arm_without_its_budget_is_refused_when_it_is_planned():
    training = {**MINI.training, "rl": {**MINI.training["rl"], "rollout_tokens": 0}}
    without = replace(MINI, training=training, default={**MINI.default, "arms": ["matched", "equal-tokens"]})
    with pytest.raises(AnatomyR1Error, match="no arm 'equal-tokens' in this profile; there are: matched"):
        select(without)
    assert select(without, arms=["matched"]).arms == ("matched",)
