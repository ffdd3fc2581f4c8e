"""Known answers in small: GDQA without its parts is GRPO to the byte, and flipped rewards train otherwise."""

import pytest

from anatomy_r1.data.prepared import load
from anatomy_r1.training.certificate.certificate import NAMES, load_evidence
from anatomy_r1.training.certificate.certify import certify
from anatomy_r1.training.training_log import ACCURACY, LOG_NAME, read
from baselines.stages.stages import run_stage

BENCHMARK = "sgg_anatomy_mini"
FLIP = "reward_flip_reward"


def accuracy_reward(completions, **_):
    """Accuracy that the untrained base has not: every second completion is right."""
    return [float(place % 2) for place, _ in enumerate(completions)]


@pytest.fixture
def train(smoke_run, with_budget, monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", accuracy_reward)
    monkeypatch.setattr("baselines.methods.calibration.accuracy_reward", accuracy_reward)
    run = with_budget(smoke_run, "rl", max_steps=2)

    def trained(method):
        name = f"{BENCHMARK}/mini-l/{method}/seed0"
        run_stage("train", name, run)
        return run.layout.root / "train" / name

    trained.data = load(run.layout.data(BENCHMARK), "train")
    return trained


@pytest.mark.slow
def test_gdqa_without_its_parts_is_grpo_and_flips_are_not(train):
    grpo, off, flipped = (train(method) for method in ("grpo", "grpo-gdqa-off", "grpo-flipped"))
    weights = [(folder / "model.safetensors").read_bytes() for folder in (grpo, off, flipped)]
    assert weights[0] == weights[1] != weights[2]
    rollouts = read(flipped / LOG_NAME, "rollouts")
    assert set(rollouts[ACCURACY]) == {0.0, 1.0}
    assert set(rollouts[FLIP]) <= {-1.0, 0.0, 1.0}
    assert 0 < (rollouts[FLIP] != 0).mean() < 0.3
    found = {check.name: check.outcome for check in certify(load_evidence(flipped, train.data)).checks}
    assert found == {**dict.fromkeys(NAMES, "passed"), "rewards": "failed"}  # for they are planted
