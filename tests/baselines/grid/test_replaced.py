"""What is made again: results of other settings are out of the store first, whatever becomes of the grid."""

import dataclasses
import json

import pytest
import yaml

from anatomy_r1.training.training_log import SETTINGS_NAME
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.finished import work_digest
from baselines.experiment.plan import select
from baselines.experiment.profile import load_profile
from baselines.grid import grid as grids
from baselines.preflight.effort import as_text
from baselines.stages import stages
from baselines.stages.inputs import RECORD, forget_other_inputs
from baselines.stages.replaced import FOLDER, set_aside
from tests.helpers.smoke import smoke_content, smoke_profile

TASK = "sgg_anatomy_mini"
CELL = Cell(TASK, "mini-l", "grpo", 0)
PYTHON = """#!/bin/sh
# Stands for Python: it notes how a stage is called, and makes the stage's output.
for word; do before=$stage; stage=$name; name=$word; done
echo "$PWD|$*" >> "$NOTES"
[ "$FAILS" = "$stage" ] && exit 1
case $stage in
    world) out=world/world.json ;;
    data) out=data/$name/manifest.json ;;
    base) out=models/$name/config.json ;;
    train) out=train/$name/training.json ;;
    evaluate) out=results/$name.json; touch "results/$name.parquet" ;;
esac
echo '{"provenance": {}}' > "$out"
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of the smoke profile whose paths have blanks and braces, with a stand-in for Python in its stages."""
    here = tmp_path / "a b{c}"
    here.mkdir()
    python, file = here / "python", here / "smoke.yaml"
    python.write_text(PYTHON)
    python.chmod(0o755)
    file.write_text(yaml.safe_dump(smoke_content()))
    whole = grids.configuration
    monkeypatch.setattr(grids, "configuration", lambda *words: {**whole(*words), "python": str(python)})
    monkeypatch.setenv("NOTES", str(here / "notes"))
    monkeypatch.setenv("FAILS", "")
    return GridRun(load_profile(str(file)), Layout(here / "runs"), str(file))


@pytest.mark.slow
def test_a_training_that_fails_leaves_no_result_of_earlier_settings(run, monkeypatch, capsys):
    chosen = select(run.profile, methods=["grpo"], benchmarks=[TASK], arms=["matched"])
    result, record = run.layout.result(CELL, "matched"), run.layout.train(CELL) / SETTINGS_NAME
    assert grids.to_replace(run, chosen) == frozenset()
    assert grids.run_grid(run, chosen, jobs=1)
    called = (run.layout.root.parent / "notes").read_text().splitlines()
    assert len(called) == 5
    assert all(f"--profile {run.source} --root . --cwd {grids.Path.cwd()} " in one for one in called)

    curves = run.layout.root / "curves" / f"{CELL.name}.json"
    curves.parent.mkdir(parents=True)
    curves.write_text("{}")
    training = {**run.profile.training, "rl": {**run.profile.training["rl"], "beta": 0.5}}
    other = dataclasses.replace(run, profile=dataclasses.replace(run.profile, training=training))
    again = grids.to_replace(other, chosen)
    assert again == {result, record}
    planned = as_text(other.profile, run.layout, chosen, grids.stages(other.profile, run.layout, chosen), again)
    assert f"  again  train     {CELL.name}\n" in planned

    monkeypatch.setenv("FAILS", "train")
    capsys.readouterr()
    assert not grids.run_grid(other, chosen, jobs=1)
    told = capsys.readouterr().err
    assert "1 results of other settings are made again" in told
    assert "2 of 5 stages are not done" in told
    left = [path.relative_to(run.layout.root) for path in (result, result.with_suffix(".parquet"), curves)]
    assert not any((run.layout.root / path).exists() for path in left)
    assert all((run.layout.root / FOLDER / path).exists() for path in left)


def test_a_base_of_other_weights_sets_aside_all_that_was_trained_from_it(tmp_path, monkeypatch):
    """To Snakemake a base is its config.json, the same for all weights: what this grid does not ask for stayed."""
    layout = Layout(tmp_path)
    run = GridRun(smoke_profile(), layout, "smoke")
    trained = [layout.train(one) / SETTINGS_NAME for one in (CELL, dataclasses.replace(CELL, data="as-released"))]
    of_base = [layout.result(dataclasses.replace(CELL, method_id=one), "matched") for one in ("grpo", "zero-shot")]
    others = [
        layout.train(dataclasses.replace(CELL, model="mini-s")) / SETTINGS_NAME,
        layout.result(dataclasses.replace(CELL, method_id="control-majority"), "matched"),
    ]
    for path in (*trained, *of_base, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")

    def make(weights):
        def write(profile, model, base, out):
            out.mkdir(parents=True, exist_ok=True)
            (out / "model.safetensors").write_bytes(weights)

        monkeypatch.setattr("baselines.stages.base.make_base", write)
        stages._run("base", "mini-l", run, lambda *_: None)

    for weights in (b"first", b"first"):  # there was none before, and then the same
        make(weights)
        assert all(path.exists() for path in (*trained, *of_base, *others))
    make(b"second")
    assert not any(path.exists() for path in (*trained, *of_base))
    assert all(path.exists() for path in others)
    assert all((tmp_path / FOLDER / path.relative_to(tmp_path)).exists() for path in (*trained, *of_base))


def test_nothing_is_set_aside_where_nothing_is_made_again(tmp_path):
    assert set_aside(Layout(tmp_path), [tmp_path / "data" / TASK / "manifest.json"]) == []
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("changed", ["questions", "weights", "parent"])
def test_a_checkpoint_of_other_questions_or_weights_is_not_resumed(tmp_path, changed):
    """The plan is the same: it has the options of a benchmark and the name of a base, of any world."""
    run, cell = GridRun(smoke_profile(), Layout(tmp_path), "smoke"), dataclasses.replace(CELL, method_id="sft-grpo")
    cell = cell if changed == "parent" else CELL
    files = {
        "questions": run.layout.data(TASK) / "manifest.json",
        "weights": run.layout.base("mini-l") / "model.safetensors",
        "parent": run.layout.train(dataclasses.replace(CELL, method_id="sft")) / SETTINGS_NAME,
    }

    def write(name, content):
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(json.dumps({"questions_sha256": content}))

    for name in files:
        write(name, "first")
    work = run.layout.work(work_digest(settings(run.profile, cell)))
    checkpoint = work / "checkpoint-2"
    checkpoint.mkdir(parents=True)
    forget_other_inputs(run, cell)  # of an earlier version, which made no record
    forget_other_inputs(run, cell)
    assert checkpoint.is_dir()
    write(changed, "second")
    forget_other_inputs(run, cell)
    assert [path.name for path in work.iterdir()] == [RECORD]


def test_of_a_finished_training_no_work_folder_is_begun(tmp_path):
    run = GridRun(smoke_profile(), Layout(tmp_path), "smoke")
    folder = run.layout.train(CELL)
    folder.mkdir(parents=True)
    (folder / SETTINGS_NAME).write_text(json.dumps({"plan": settings(run.profile, CELL)}, default=str))
    forget_other_inputs(run, CELL)
    assert not run.layout.work("x").parent.exists()
