"""The arm as released: what is planned, that stored results stay valid, and one run of it through the grid."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.data.prepared import load
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import split_row
from anatomy_r1.prompts import WORDINGS
from anatomy_r1.provenance import ROOT
from anatomy_r1.results.store import AS_RELEASED, load_results
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.plan import evaluations, select, stages
from baselines.experiment.profile import load_profile
from baselines.grid.grid import configuration
from baselines.methods.registry import TABLE_1, find_method
from baselines.stages.stages import parse_cell, parse_evaluation

MINI, SGG, BASE = load_profile("mini"), "sgg_anatomy_mini", "mini-l-1"
FILES = {"grpo-asc": "GRPO-ASC-Learning", "grpo-gdqa": "GRPO-GDQA"}
RUN = GridRun(MINI, Layout(Path("r")), "mini")


def test_every_trained_method_of_table_1_is_in_the_arm_with_its_own_file():
    chosen = select(MINI, methods=[one.id for one in TABLE_1], arms=[AS_RELEASED])
    names = [(cell.method_id, cell.method.release) for cell, _ in evaluations(MINI, chosen)]
    assert names == [(one.id, FILES.get(one.id, "GRPO")) for one in TABLE_1 if one.id != "zero-shot"]
    assert {cell.benchmark for cell, _ in evaluations(MINI, chosen)} == {SGG}  # no file was released for the slides


@pytest.mark.parametrize("outside", ["zero-shot", "control-naive-bayes", "grpo-asc-pool", "grpo-asc-released"])
def test_what_has_no_file_is_not_in_the_arm(outside):
    assert evaluations(MINI, select(MINI, methods=[outside], arms=[AS_RELEASED])) == []


def test_it_trains_apart_and_its_starts_are_trained_in_it_too():
    every = stages(MINI, Layout(Path("r")), select(MINI, methods=["sft-grpo"], benchmarks=[SGG], arms=[AS_RELEASED]))
    assert [(stage.stage, stage.name) for stage in every if stage.stage != "world"] == [
        ("data", SGG),
        ("released", f"{SGG}/GRPO"),
        ("base", f"mini-l@{BASE}"),
        ("train", f"{SGG}/mini-l@{BASE}/sft/as-released/seed0"),
        ("train", f"{SGG}/mini-l@{BASE}/sft-grpo/as-released/seed0"),
        ("evaluate", f"{SGG}/mini-l@{BASE}/sft-grpo/as-released/seed0"),
    ]
    config = configuration(RUN, select(MINI, methods=["sft-grpo"], benchmarks=[SGG], arms=[AS_RELEASED]))
    name = f"{SGG}/mini-l@{BASE}/sft-grpo/as-released/seed0"
    assert config["starts"][name] == f"train/{SGG}/mini-l@{BASE}/sft/as-released/seed0/training.json"
    assert config["sets"][name] == f"released/{SGG}/GRPO/manifest.json"


def test_matched_runs_keep_their_digests():
    methods = ["sft", "sft-grpo", "grpo", "dapo", "grpo-asc", "grpo-gdqa"]
    alone = configuration(RUN, select(MINI, methods=methods, arms=["matched", "equal-tokens"]))
    both = configuration(RUN, select(MINI, methods=methods, arms=["matched", "equal-tokens", AS_RELEASED]))
    assert alone["digests"].items() <= both["digests"].items()
    without = configuration(replace(RUN, profile=replace(MINI, released={})), select(MINI, methods=methods))
    assert without["digests"].items() <= alone["digests"].items() | both["digests"].items()
    assert all(alone["sets"][name] == f"data/{name.split('/')[0]}/manifest.json" for name in alone["sets"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fewest"), [("mini", 90), ("mini-first", 200)])
def test_every_committed_training_is_still_what_its_cell_would_train(name, fewest):
    profile = load_profile(name)
    results = load_results(ROOT / "results" / name / "store")
    trained = [result for result in results if result.provenance.get("training")]
    assert len(trained) > fewest
    for result in trained:
        data = {"data": AS_RELEASED} if result.arm == AS_RELEASED else {}
        cell = Cell(result.benchmark, result.model, split_row(result.method)[0], result.seed, base=result.base, **data)
        assert result.provenance["training"]["plan"] == json.loads(json.dumps(settings(profile, cell)))


def test_asc_keeps_the_options_of_its_file_and_no_method_samples_for_equal_tokens():
    plan = settings(MINI, Cell(SGG, "mini-l", "grpo-asc", 0, data=AS_RELEASED))
    assert plan["arguments"]["curriculum"] == "ordered"
    assert (plan["arguments"]["max_steps"], plan["arguments"]["rollout_tokens"]) == (160, 0)
    assert plan["data"] == {"arm": AS_RELEASED, "file": "GRPO-ASC-Learning", "size": 300, "seed": 0}
    same = settings(MINI, Cell(SGG, "mini-l", "grpo-asc", 0))["arguments"]
    changed = {name for name, value in plan["arguments"].items() if same[name] != value}
    assert changed == {"curriculum", "max_steps", "rollout_tokens"}


@pytest.mark.parametrize("data", ["matched", AS_RELEASED])
def test_names_of_cells_round_trip(data):
    cell = Cell(SGG, "mini-l", "grpo", 3, data=data)
    assert parse_cell(cell.name) == cell
    assert parse_evaluation(cell.under(data)) == (cell, data)
    assert parse_evaluation(replace(cell, data="matched").under("equal-tokens"))[0].data == "matched"


def test_a_profile_without_files_has_no_such_arm():
    with pytest.raises(AnatomyR1Error, match="no arm 'as-released' in this profile; there are: matched, equal-tokens"):
        select(replace(MINI, released={}), arms=[AS_RELEASED])


@pytest.mark.slow
def test_the_arm_through_the_grid(tmp_path):
    """Three trainings from three files, each asked in the wording of its own, each with its own passport."""
    words = ["run", "--profile", "smoke", "--runs", str(tmp_path), "--benchmarks", SGG, "--arms", AS_RELEASED]
    wanted = ["cot-sft", "grpo", "grpo-asc", "grpo-gdqa"]
    subprocess.run([sys.executable, "-m", "baselines", *words, "--methods", *wanted], cwd=ROOT, check=True)
    root = tmp_path / "smoke"
    assert {path.parent.name for path in (root / "train").rglob("training.json")} == {"seed0"}
    results = {result.method: result for result in load_results(root / "results")}
    assert set(results) == set(wanted)
    wordings = {"cot-sft": "answer", "grpo": "answer", "grpo-asc": "mixed", "grpo-gdqa": "choice"}
    test = load(root / "data" / SGG, "test")
    for name, result in results.items():
        said, file = result.provenance, find_method(name).release
        learnt = load(root / "released" / SGG / file, "train")
        assert said["released"]["file"] == file
        assert said["released"]["wording"] == learnt.wording == wordings[name]
        assert said["leakage"]["train"]["images"] == len({q.image for q in learnt.questions})
        assert said["leakage"]["not_clean"] == []
        assert sorted(result.questions["id"]) == sorted(q.id for q in test.questions)
        assert said["certificate"]["failed"] == []
    log = root / "train" / SGG / "mini-l" / "grpo-asc" / AS_RELEASED / "seed0" / "training_log.sqlite"
    served = read(log, "rollouts")
    assert served["question_id"].str.startswith("GRPO-ASC-Learning/").all()
    assert served["prompt"].dropna().str.startswith(WORDINGS["mixed"].think).all()
