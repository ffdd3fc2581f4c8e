"""What a job requests, and when SLURM is refused."""

from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from baselines.experiment.cell import Layout
from baselines.experiment.plan import Stage, select, stages
from baselines.experiment.profile import load_profile
from baselines.grid import grid as cluster
from baselines.grid.grid import Cluster, by_output, executor_words, resources

PAPER, MINI = load_profile("paper"), load_profile("mini")


@pytest.mark.parametrize(
    ("profile", "stage", "seconds", "expected"),
    [
        (PAPER, "train", 43_200, (4, 16, 240_000, 2160)),
        (PAPER, "evaluate", 3600, (1, 4, 60_000, 180)),
        (PAPER, "data", 600, (0, 4, 60_000, 30)),
        (MINI, "train", 150, (0, 1, 4_000, 10)),
    ],
    ids=["training on four GPUs", "evaluation on one", "data on none", "mini on none, and at least ten minutes"],
)
def test_a_job_requests_what_its_stage_takes(profile, stage, seconds, expected, tmp_path):
    found = resources(profile, Stage(stage, "x", tmp_path, seconds))
    assert (found["gpu"], found["cpus_per_task"], found["mem_mb"], found["runtime"]) == expected


def test_every_stage_of_a_grid_has_its_resources(tmp_path):
    every = stages(PAPER, Layout(tmp_path), select(PAPER, methods=["sft-grpo"], models=["qwen2.5-vl-3b"]))
    found = by_output(PAPER, tmp_path, every)
    assert len(found) == len(every)
    assert found["train/sgg_anatomy/qwen2.5-vl-3b/sft/seed0/training.json"]["gpu"] == 4
    assert found["models/qwen2.5-vl-3b/config.json"]["gpu"] == 0


def test_arguments_for_snakemake(tmp_path, monkeypatch):
    assert executor_words(Cluster(), PAPER, 2, tmp_path) == ["--cores", "2", "--resources", "gpu=4"]
    monkeypatch.setattr(cluster, "find_spec", lambda name: object())
    monkeypatch.setattr(cluster, "_status_command", lambda: "squeue")
    words = executor_words(Cluster("slurm", "gpu", "me", "--constraint=a100"), PAPER, 8, tmp_path)
    assert words[words.index("--jobs") + 1] == "8"
    assert words[words.index("--default-resources") + 1 :] == [
        "slurm_partition=gpu", "slurm_account=me", "slurm_extra='--constraint=a100'"
    ]  # fmt: skip
    assert "--slurm-no-account" not in words
    assert "--slurm-no-account" in executor_words(Cluster("slurm"), PAPER, 8, tmp_path)


def test_a_stage_of_its_own_process_works_where_the_grid_was_started(tmp_path, monkeypatch):
    """Snakemake starts it in the folder of the runs, where the profile's `similarity/medclip.json` is not."""
    from baselines.__main__ import main

    root, here, seen = tmp_path / "runs", tmp_path / "checkout", []
    root.mkdir()
    here.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setattr(
        "baselines.stages.stages.run_stage",
        lambda stage, name, run, began_with: seen.extend([Path.cwd(), run.layout.root, began_with]),
    )
    words = ["stage", "--profile", "paper-1gpu", "--root", ".", "--cwd", str(here), "--settings", "0a1b"]
    assert main([*words, "train", "sgg_anatomy/qwen2.5-vl-3b/grpo-asc/seed0"]) == 0
    assert seen == [here, root, "0a1b"]


def test_what_is_missing_for_slurm_is_reported(tmp_path, monkeypatch):
    with pytest.raises(AnatomyR1Error, match=r"executor .lsf.: unknown. Fix: local or slurm"):
        executor_words(Cluster("lsf"), PAPER, 1, tmp_path)
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(AnatomyR1Error, match=r"pip install --no-deps -r baselines/grid/cluster.txt"):
        executor_words(Cluster("slurm"), PAPER, 1, tmp_path)
    monkeypatch.setattr(cluster, "find_spec", lambda name: object())
    monkeypatch.setattr(cluster.shutil, "which", lambda name: None)
    with pytest.raises(AnatomyR1Error, match="no scontrol here"):
        executor_words(Cluster("slurm"), PAPER, 1, tmp_path)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("AccountingStorageType   = accounting_storage/none\n", "squeue"),
        ("AccountingStorageType   = (null)\n", "squeue"),
        ("AccountingStorageType   = accounting_storage/slurmdbd\n", "sacct"),
    ],
)
def test_without_an_accounting_database_squeue_is_asked(said, expected, monkeypatch):
    monkeypatch.setattr(cluster.shutil, "which", lambda name: name)
    monkeypatch.setattr(cluster.subprocess, "run", lambda *a, **k: type("Done", (), {"stdout": said})())
    assert cluster._status_command() == expected
