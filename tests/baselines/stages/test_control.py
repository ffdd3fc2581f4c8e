"""Controls in the grid: the same stages without a model, the same store; and a passport in every result."""

import dataclasses
from pathlib import Path

import pytest

from anatomy_r1.data.leakage.passport import from_dict
from anatomy_r1.data.leakage.sides import FILE
from anatomy_r1.data.prepared import load
from anatomy_r1.evaluation.blind_controls import exclude_test_clusters
from anatomy_r1.evaluation.blind_difference import answer_blind
from anatomy_r1.results.store import load_results
from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.plan import select, stages
from baselines.experiment.profile import load_profile
from baselines.grid.grid import configuration
from baselines.methods.control import MAJORITY, NAIVE_BAYES
from baselines.stages.evaluate import _leakage
from baselines.stages.stages import run_stage

SGG = "sgg_anatomy_mini"
MINI = load_profile("mini")
ONLY = select(MINI, methods=[MAJORITY.id, NAIVE_BAYES.id], arms=["matched", "equal-tokens"])


def test_controls_alone_need_world_and_data_but_no_model():
    every = stages(MINI, Layout(Path("r")), ONLY)
    assert [stage.stage for stage in every] == ["world", "data", "data", *["evaluate"] * 4]
    assert {stage.name.split("/")[3] for stage in every if stage.stage == "evaluate"} == {"matched"}
    config = configuration(GridRun(MINI, Layout(Path("r")), "mini"), ONLY)
    assert set(config["policies"].values()) == {f"data/{name}/manifest.json" for name in MINI.default["benchmarks"]}
    both = stages(MINI, Layout(Path("r")), dataclasses.replace(ONLY, methods=(MAJORITY.id, "zero-shot")))
    assert [stage.name for stage in both if stage.stage == "base"] == ["mini-l@mini-l-1"]


@pytest.mark.parametrize("method", [MAJORITY.id, NAIVE_BAYES.id])
def test_a_control_becomes_a_result(smoke_run, method):
    run_stage("evaluate", f"{SGG}/mini-l/{method}/matched/seed0", smoke_run)
    (result,) = load_results(smoke_run.layout.store())
    asked = load(smoke_run.layout.data(SGG), "test").questions
    learnt = load(smoke_run.layout.data(SGG), "train").questions
    assert (result.method, result.arm, result.style) == (method, "matched", "none")
    assert result.questions["id"].tolist() == [q.id for q in asked]
    five = result.questions[[f"correct_{i}" for i in range(5)]]
    assert (five.nunique(axis=1) == 1).all()
    assert result.provenance["metrics"]["avg@5"] == pytest.approx(five.to_numpy().mean())
    assert result.provenance["control"]["learnt_from"] == len(exclude_test_clusters(learnt, asked)) == len(learnt)
    assert result.provenance["training"] is None and result.provenance["spent"]["tokens"] == 0
    found = from_dict(result.provenance["leakage"])
    assert found.not_computed["near_duplicate"] == "the control sees no pictures"
    assert found.not_clean == ()
    blind = answer_blind(learnt, asked)
    assert result.provenance["blind"] == dataclasses.asdict(blind.rule)
    assert result.questions["blind"].tolist() == [blind.right[q.id] for q in asked]
    if method == MAJORITY.id:
        by_hand = [max(q.options, key=[p.answer for p in learnt].count) == q.answer for q in asked]
        assert result.questions["greedy"].tolist() == by_hand


def test_the_data_stage_keeps_the_passport_and_a_result_carries_it(smoke_run):
    data = smoke_run.layout.data(SGG)
    assert (data / FILE).is_file()
    found, untrained = (_leakage(smoke_run.layout, Cell(SGG, "mini-l", m, 0)) for m in ("grpo", "zero-shot"))
    sizes = {split: len(load(data, split).questions) for split in ("train", "test")}
    assert (found.train.questions, found.test.questions) == (sizes["train"], sizes["test"])
    assert "near_duplicate" in found.overlaps and found.not_clean == ()
    assert (untrained.train.questions, untrained.test, untrained.not_clean) == (0, found.test, ())


def test_a_control_has_no_weights_of_its_own():
    layout = Layout(Path("r"))
    assert layout.evaluation_input(Cell("b", "m", MAJORITY.id, 0)) == Path("r/data/b/manifest.json")
    assert layout.evaluation_input(Cell("b", "m", "zero-shot", 0)) == Path("r/models/m/config.json")
    assert layout.evaluation_input(Cell("b", "m", "grpo", 0)) == Path("r/train/b/m/grpo/seed0/training.json")
