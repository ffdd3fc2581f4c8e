"""A grid through a real SLURM, one job killed and one requeued, ends where the same grid ends on this machine."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml

from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.plan import select
from baselines.experiment.profile import digest, load_profile
from baselines.grid.grid import run_grid
from baselines.stages.train import LOG_NAME
from tests.helpers.smoke import smoke_content

pytestmark = pytest.mark.slurm
TASK, METHODS = "sgg_anatomy_mini", ["zero-shot", "sft", "grpo"]
LONG = {"sft": {"max_steps": 40}, "rl": {"own_steps": 12, "max_steps": 12, "rollout_tokens": 0}}
"""Long enough to be stopped in the middle."""


def said(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def jobs():
    """(job, state, GPUs, comment) of the jobs that SLURM remembers; the plugin's comment has rule and cell."""
    shown = [
        dict(word.partition("=")[::2] for word in line.split())
        for line in said("scontrol", "-o", "show", "jobs").splitlines()
    ]
    return [
        (job["JobId"], job["JobState"], job.get("TresPerJob", ""), job.get("Comment", ""))
        for job in shown
        if "JobId" in job
    ]


def wait_for(what, seconds=400):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"waited {seconds} s in vain"
        time.sleep(0.1)
    return found


def profile_file(path, gpus):
    """The smoke profile, as if it needed this many GPUs."""
    raw = smoke_content()
    raw["needs"] = {"gpus": gpus, "gpu_memory_gb": 0.0, "host_memory_gb": 2.0}
    for section, changes in LONG.items():
        raw["training"][section] |= changes
    path.write_text(yaml.safe_dump(raw))
    return str(path)


@pytest.fixture
def grid(tmp_path):
    """The grid's process, its jobs on SLURM."""
    words = ["--profile", profile_file(tmp_path / "gpus.yaml", 1), "--runs", str(tmp_path), "--methods", *METHODS]
    words += ["--benchmarks", TASK, "--seeds", "0", "--arms", "matched", "--executor", "slurm", "--jobs", "4"]
    with (tmp_path / "grid.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "baselines", "run", *words], stdout=log, stderr=log)
    yield process
    process.kill()


def processes(cell):
    """The processes of a cell's training."""
    return [int(word) for word in said("pgrep", "-f", f"baselines stage .* train {cell.name}").split()]


def test_a_grid_on_slurm_with_a_killed_and_a_requeued_job_gives_the_local_results(grid, tmp_path):
    asked = {}
    runs, local = tmp_path / "smoke", tmp_path / "local"

    def running(method):
        asked.update({comment: gpus for _, _, gpus, comment in jobs()})
        return next((job for job, state, _, comment in jobs() if state == "RUNNING" and f"_{method}_" in comment), None)

    cells = {method: Cell(TASK, "mini-l", method, 0) for method in METHODS}
    plan = settings(load_profile(str(tmp_path / "gpus.yaml")), cells["grpo"])
    work = Layout(runs).work(digest(plan))
    wait_for(lambda: running("grpo") and list(work.glob("checkpoint-*/complete")))
    for process in processes(cells["grpo"]):
        os.kill(process, signal.SIGKILL)
    requeued = wait_for(lambda: running("sft") or Layout(runs).train(cells["sft"]).exists())
    if requeued is not True:
        said("scontrol", "requeue", requeued)
    wait_for(lambda: (running("none"), grid.poll())[1] is not None, 600)
    assert grid.returncode == 0, (tmp_path / "grid.log").read_text()[-3000:]

    profile = load_profile(profile_file(tmp_path / "none.yaml", 0))
    chosen = select(profile, methods=METHODS, benchmarks=[TASK], seeds=[0], arms=["matched"])
    assert run_grid(GridRun(profile, Layout(local), str(tmp_path / "none.yaml")), chosen, jobs=2)
    for cell in cells.values():
        tables = [Layout(at).result(cell, "matched").with_suffix(".parquet") for at in (runs, local)]
        pd.testing.assert_frame_equal(*map(pd.read_parquet, tables))
    weights = [Layout(at).train(cells["grpo"]) / "model.safetensors" for at in (runs, local)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    events = read(Layout(runs).train(cells["grpo"]) / LOG_NAME, "events")
    assert "resume" in set(events["kind"]), "the killed job resumed from its checkpoint"
    assert Layout(runs).log("train", cells["grpo"].name).is_file()

    kinds = {rule: {gpus for comment, gpus in asked.items() if f"rule_{rule}" in comment} for rule in ("base", "train")}
    assert kinds["train"], asked
    assert all("gpu" in gpus for gpus in kinds["train"])
    assert not any("gpu" in gpus for gpus in kinds["base"])
