"""A small prepared world and an untrained model, made once: enough to run real trainers for a few steps."""

import dataclasses

import pytest

from baselines.experiment.cell import Cell, GridRun, Layout
from tests.helpers.small_runs import ignore, linked
from tests.helpers.smoke import smoke_profile


@pytest.fixture(scope="session")
def smoke_root(tmp_path_factory):
    """`runs/` folder with world, data and base of the smoke profile; the base is random, not even toy-trained."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from anatomy_r1.mini.architecture import build_model, build_processor, save
    from baselines.stages.stages import run_stage

    root = tmp_path_factory.mktemp("runs")
    run = GridRun(smoke_profile(), Layout(root), "smoke")
    run_stage("world", "world", run)
    for benchmark in run.profile.data:
        run_stage("data", benchmark, run)
    processor = build_processor()
    save(build_model("mini-l", processor), processor, run.layout.base("mini-l"))
    return root


@pytest.fixture
def smoke_run(smoke_root, tmp_path):
    """A run with the shared world, which writes its trainings to the test's own folder."""
    return GridRun(smoke_profile(), Layout(linked(tmp_path, smoke_root)), "smoke")


@pytest.fixture(scope="session")
def with_budget():
    """A run whose profile has other trainer arguments in one section; RL ends at `max_steps` by default."""

    def change(run, section, **arguments):
        if section == "rl" and "max_steps" in arguments:
            arguments = {"own_steps": arguments["max_steps"], "rollout_tokens": 0, **arguments}
        training = {**run.profile.training, section: {**run.profile.training[section], **arguments}}
        return dataclasses.replace(run, profile=dataclasses.replace(run.profile, training=training))

    return change


RECORDED = {
    "max_steps": 10, "own_steps": 10, "rollout_tokens": 0, "max_completion_length": 8, "beta": 0.04, "save_steps": 50,
    "learning_rate": 1e-3,
}  # fmt: skip


def shortened(profile):
    """Long enough for two recorded batches and a level or two."""
    training = {**profile.training, "rl": {**profile.training["rl"], **RECORDED}}
    return dataclasses.replace(profile, training=training)


@pytest.fixture(scope="module")
def recorded_run(smoke_root, tmp_path_factory):
    """The run in which `trained` trains."""
    root = linked(tmp_path_factory.mktemp("certified"), smoke_root)
    return GridRun(shortened(smoke_profile()), Layout(root), "smoke")


@pytest.fixture(scope="module")
def trained(recorded_run):
    """Method -> folder of its training; trains each method once."""
    from baselines.stages.train import train
    from tests.helpers.recording import hashed_reward

    folders = {}

    def folder(method):
        if method not in folders:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
                folders[method] = train(recorded_run, Cell("sgg_anatomy_mini", "mini-l", method, 0), ignore)
        return folders[method]

    return folder
