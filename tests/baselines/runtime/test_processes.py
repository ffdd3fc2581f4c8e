"""Several processes in one training: started, stopped and resumed as one; and one GPU per stage that needs one."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.finished import work_digest
from baselines.experiment.profile import load_profile
from baselines.experiment.profile_file import Launch
from baselines.runtime.processes import VISIBLE, launch_command, one_gpu, start_workers, visible
from baselines.stages.stages import run_stage
from baselines.stages.train import LOG_NAME, _check_launch, _check_processes, train
from tests.baselines.trainers.test_losses_distributed import free_port
from tests.helpers.small_runs import ignore, linked
from tests.helpers.smoke import smoke_content

TASK = "sgg_anatomy_mini"
SFT = Cell(TASK, "mini-l", "sft", 0)


@pytest.fixture(scope="module")
def profile_file(tmp_path_factory):
    """The smoke profile with two processes per training, and half the batch in each."""
    raw = smoke_content()
    raw["launch"]["processes"] = 2
    for section in ("sft", "cot-sft", "rl"):
        raw["training"][section]["per_device_train_batch_size"] //= 2
    raw["training"]["rl"] |= {"max_steps": 4, "own_steps": 3, "rollout_tokens": 1000, "beta": 0.0}
    path = tmp_path_factory.mktemp("profile") / "two.yaml"
    path.write_text(yaml.safe_dump(raw))
    return str(path)


def run_with(profile, root, smoke_root):
    return GridRun(load_profile(profile), Layout(linked(root, smoke_root)), profile)


@pytest.fixture(scope="module")
def two(profile_file, smoke_root, tmp_path_factory):
    """A run in which two processes of one launcher have trained `SFT`."""
    run = run_with(profile_file, tmp_path_factory.mktemp("two"), smoke_root)
    run_stage("train", SFT.name, run)
    return run


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_two_processes_end_where_one_does(two, profile_file, smoke_root, tmp_path):
    """Other batches per process give other float32 sums: equal within a tolerance, not bitwise."""
    import torch

    training = {s: dict(given) for s, given in two.profile.training.items()}
    for section in ("sft", "rl"):
        training[section]["per_device_train_batch_size"] *= 2
    alone = dataclasses.replace(two.profile, training=training, launch=Launch())
    one = GridRun(alone, run_with(profile_file, tmp_path / "one", smoke_root).layout, profile_file)
    train(one, SFT, ignore)
    found, expected = weights(two.layout.train(SFT)), weights(one.layout.train(SFT))
    start = weights(two.layout.base("mini-l"))
    assert any(not torch.equal(start[name], found[name]) for name in start)
    for name in expected:
        assert torch.allclose(found[name], expected[name], atol=2e-4), name
    steps = [read(run.layout.train(SFT) / LOG_NAME, "steps") for run in (two, one)]
    assert steps[0]["loss"].tolist() == pytest.approx(steps[1]["loss"].tolist(), rel=1e-4)


@pytest.mark.slow
def test_killed_processes_resume_bitwise_and_both_policies_are_kept(profile_file, smoke_root, tmp_path):
    cell = Cell(TASK, "mini-l", "grpo", 0)
    whole = run_with(profile_file, tmp_path / "whole", smoke_root)
    run_stage("train", cell.name, whole)
    killed = run_with(profile_file, tmp_path / "killed", smoke_root)
    work = killed.layout.work(work_digest(settings(killed.profile, cell)))
    words = ["stage", "--profile", profile_file, "--root", str(killed.layout.root), "train", cell.name]
    stage = subprocess.Popen(
        [sys.executable, "-m", "baselines", *words], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    until = time.monotonic() + 600
    while not (work / "checkpoint-2" / "complete").exists():
        assert time.monotonic() < until
        assert stage.poll() is None
        time.sleep(0.01)
    stage.send_signal(signal.SIGKILL)
    stage.wait()
    time.sleep(1)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(killed.layout.root) not in listed, "no process outlives its stage"
    with pytest.raises(AnatomyR1Error, match=r"checkpoint-\d+: made by 2 processes, and this training has 1.*Fix"):
        train(killed, cell, ignore)  # in this process alone; what is there stays as it is
    run_stage("train", cell.name, killed)
    for policy in ("", "equal-tokens"):
        paths = [run.layout.train(cell) / policy / "model.safetensors" for run in (whole, killed)]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    logs = [read(run.layout.train(cell) / LOG_NAME, "rollouts") for run in (whole, killed)]
    assert logs[0].equals(logs[1])
    assert set(logs[0]["member"]) == set(range(8))
    assert logs[0].groupby("step").size().nunique() == 1, "all processes' completions are in the log"


@pytest.mark.slow
def test_two_machines_end_where_one_does(two, profile_file, smoke_root, tmp_path):
    """Two launchers of one process each, as on two machines, and one of two: the same bytes."""
    apart = run_with(profile_file, tmp_path, smoke_root)
    words = ["launch", "--profile", profile_file, "--root", str(apart.layout.root), SFT.name]
    port = free_port()
    machines = [
        subprocess.Popen(
            [sys.executable, "-m", "baselines", *words],
            env={**os.environ, "ANATOMY_R1_LAUNCH_ARGS": f"--nproc_per_node 1 --nnodes 2 --node_rank {rank} "
                 f"--master_addr 127.0.0.1 --master_port {port}"},
        )
        for rank in (0, 1)
    ]  # fmt: skip
    assert [machine.wait(600) for machine in machines] == [0, 0]
    found, expected = ((run.layout.train(SFT) / "model.safetensors").read_bytes() for run in (apart, two))
    assert found == expected


@pytest.mark.slow
def test_a_process_that_fails_is_reported(tmp_path):
    with pytest.raises(AnatomyR1Error, match="ended with status"):
        start_workers(Launch(2), ["worker", "--profile", "nope", "--root", str(tmp_path), "x"], {})


def test_the_launcher_s_command_names_its_configuration_and_takes_arguments_for_several_machines(monkeypatch):
    words = launch_command(Launch(4, "zero3"), ["worker", "name"])
    assert words[1:3] == ["-m", "accelerate.commands.launch"]
    assert words[words.index("--num_processes") + 1] == "4"
    assert words[words.index("--config_file") + 1].endswith("zero3.yaml")
    assert words[-4:] == ["--module", "baselines", "worker", "name"]
    monkeypatch.setenv("ANATOMY_R1_LAUNCH_ARGS", "--num_machines 2 --machine_rank 1")
    assert "--machine_rank" in launch_command(Launch(4, "zero3"), ["x"])
    assert "--standalone" in launch_command(Launch(2), ["x"]) or "--num_machines" in launch_command(Launch(2), ["x"])
    with pytest.raises(AnatomyR1Error, match="fsdp2, zero2, zero3"):
        launch_command(Launch(4, "zero9"), [])


def test_a_checkpoint_of_another_number_of_processes_is_refused(tmp_path, monkeypatch):
    checkpoint = tmp_path / "checkpoint-2"
    checkpoint.mkdir()
    for said, here in (("4\n", "4"), ("", "8")):  # those of before say nothing
        (checkpoint / "complete").write_text(said)
        monkeypatch.setenv("WORLD_SIZE", here)
        _check_processes(checkpoint)
    (checkpoint / "complete").write_text("4\n")
    with pytest.raises(AnatomyR1Error, match=r"made by 4 processes, and this training has 8.*launch.processes: 4"):
        _check_processes(checkpoint)


def test_a_launcher_that_starts_another_number_than_the_profile_says_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "8")
    _check_launch(8)
    with pytest.raises(AnatomyR1Error, match=r"has 8 processes, and its profile says 4.*over all machines"):
        _check_launch(4)
    monkeypatch.delenv("WORLD_SIZE")
    _check_launch(1)


def test_each_stage_holds_its_own_gpu_and_the_third_stage_of_two_gpus_waits(tmp_path, monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    with one_gpu(["0", "1"], tmp_path) as first, one_gpu(["0", "1"], tmp_path) as second:
        assert {first, second} == {"0", "1"}
        assert os.environ[VISIBLE] == second
        code = "import sys; from pathlib import Path; from baselines.runtime.processes import one_gpu\n"
        code += "print('asks', flush=True)\nwith one_gpu(['0', '1'], Path(sys.argv[1]), 0.01) as name: print(name)"
        third = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert third.stdout.readline() == "asks\n"
        with pytest.raises(subprocess.TimeoutExpired):
            third.wait(0.2)
    assert third.communicate(timeout=10)[0] == "0\n"
    assert VISIBLE not in os.environ


@pytest.mark.parametrize(
    ("named", "expected"), [(None, ["0", "1"]), ("3,1", ["3", "1"]), ("", []), ("-1", []), ("MIG-a/1", ["MIG-a/1"])]
)
def test_gpus_are_those_that_the_scheduler_names_else_all(named, expected, monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    if named is not None:
        monkeypatch.setenv(VISIBLE, named)
    assert visible(2) == expected


def test_a_training_of_one_process_sees_one_gpu_of_four(tmp_path, monkeypatch):
    """With several, transformers wraps the model in DataParallel: batches of another size, and groups torn apart."""
    from baselines.stages import stages

    seen = []
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr(stages, "gpu_memory_gb", lambda: [80.0] * 4)
    monkeypatch.setattr("baselines.stages.train.train", lambda *given: seen.append(os.environ.get(VISIBLE)))
    monkeypatch.setattr("baselines.stages.inputs.forget_other_inputs", lambda *given: None)  # there are none here
    for profile in ("paper-1gpu", "smoke"):
        loaded = load_profile(profile).in_arithmetic("native")
        run_stage("train", "a/b/grpo/seed0", GridRun(loaded, Layout(tmp_path / profile), profile))
    assert seen == ["0", None]


def test_jobs_of_slurm_do_not_wait_for_each_other_s_gpu(tmp_path, monkeypatch):
    """On another node, or where SLURM shows each job its GPUs alone, GPU 0 is another one."""
    from baselines.stages import stages

    monkeypatch.setenv(VISIBLE, "0")
    run = GridRun(load_profile("paper-1gpu"), Layout(tmp_path), "paper-1gpu")
    monkeypatch.setattr("baselines.runtime.processes.time.sleep", lambda seconds: pytest.fail("it waits"))
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with stages._own_gpu(run):
        monkeypatch.setenv("SLURM_JOB_ID", "2")
        with stages._own_gpu(run) as name:
            assert name == "0"


def test_no_gpu_changes_nothing(tmp_path):
    with one_gpu([], tmp_path / "locks") as name:
        assert name == ""
    assert not (tmp_path / "locks").exists()
