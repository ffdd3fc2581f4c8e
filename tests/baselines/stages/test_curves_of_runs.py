"""`python -m baselines curves`: every training that sampled, once; a log that cannot be read is named and skipped."""

import json
import os

import pytest

from baselines.__main__ import main
from baselines.stages.curves import write_curves
from tests.helpers.small_log import RECORD, write_log


@pytest.fixture
def root(tmp_path):
    """Runs of one profile with three trainings: GRPO's, SFT's and one whose log is gone."""
    for name in ("grpo/seed3", "sft/seed0", "gpg/seed0"):
        folder = tmp_path / "mini" / "train" / "sgg_anatomy_mini" / "mini-l" / name
        folder.mkdir(parents=True)
        cell = {**RECORD["plan"], "cell": f"sgg_anatomy_mini/mini-l/{name}"}
        (folder / "training.json").write_text(json.dumps({**RECORD, "plan": cell}))
    target = tmp_path / "mini" / "train" / "sgg_anatomy_mini" / "mini-l" / "grpo" / "seed3" / "training_log.sqlite"
    write_log(target)
    return tmp_path / "mini"


def test_sampling_trainings_get_curves_once_and_the_rest_is_named(root, capsys):
    (path,) = write_curves(root, root / "curves")
    assert path == root / "curves" / "sgg_anatomy_mini" / "mini-l" / "grpo" / "seed3.json"
    assert json.loads(path.read_text())["profile"] == "mini"
    assert "no curves of sgg_anatomy_mini/mini-l/gpg/seed0" in capsys.readouterr().err
    assert write_curves(root, root / "curves") == []


def test_a_repeated_training_gets_new_curves(root):
    (path,) = write_curves(root, root / "curves", ["grpo"])
    os.utime(path, (1, 1))
    assert write_curves(root, root / "curves", ["grpo"]) == [path]


def test_the_command(root, tmp_path, capsys):
    assert main(["curves", "--root", str(root), "--methods", "grpo", "--out", str(tmp_path / "out")]) == 0
    assert "1 trainings" in capsys.readouterr().out
    assert main(["curves", "--root", str(tmp_path / "elsewhere")]) == 2
    assert "no train/" in capsys.readouterr().err


def test_a_grid_leaves_curves_at_its_end(root, monkeypatch):
    monkeypatch.setattr("baselines.grid.grid.run_grid", lambda *_: True)
    monkeypatch.setattr("baselines.runtime.processes.missing_gpus", lambda _: [])
    native = ("--arithmetic", "native")  # in portable arithmetic the command replaces its process
    assert main(["run", "--profile", "mini", "--runs", str(root.parent), *native]) == 0
    assert (root / "curves" / "sgg_anatomy_mini" / "mini-l" / "grpo" / "seed3.json").is_file()
