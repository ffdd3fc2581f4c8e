"""GPG's alpha: which groups count as constant, and what the log says."""

import pytest
import torch

from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell
from baselines.stages.train import LOG_NAME, train
from baselines.trainers.gpg import alpha
from baselines.trainers.grpo import nonconstant
from tests.helpers.recording import GROUP, hashed_reward, trainer_for
from tests.helpers.small_runs import ignore


@pytest.mark.parametrize(
    ("rewards", "expected", "case"),
    [
        ([0, 1, 1, 2], 1.0, "every group has a signal"),
        ([0, 1, 1, 1], 2.0, "one of two is constant"),
        ([0, 1, 1, 1, 2, 2, 0, 0], 4.0, "three of four are constant"),
        ([1, 1, 1, 1], 1.0, "no signal at all: nothing to scale"),
        ([0.0, 5e-7, 0, 1], 2.0, "rounding is no signal"),
    ],
)
def test_alpha(rewards, expected, case):
    assert alpha(torch.tensor(rewards, dtype=torch.float32), group=2) == expected, case


def test_a_constant_group_is_seen_where_a_standard_deviation_misses_it():
    rewards = torch.tensor([1.2] * 8)
    assert not torch.isclose(rewards.std(), torch.tensor(0.0))  # upstream's test
    assert not nonconstant(rewards, 8).any()


def test_constant_groups_get_advantages_of_exactly_zero(smoke_run, with_budget, monkeypatch, tmp_path):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    run = with_budget(smoke_run, "rl", per_device_train_batch_size=3 * GROUP)
    for method in ("grpo", "gpg"):
        trainer, _ = trainer_for(run, method, tmp_path / method, precise=False)
        batch = trainer.collect(trainer.grouped([trainer.train_dataset[i] for i in range(3)]))
        zero = (batch["advantages"].view(3, GROUP) == 0).all(1)
        assert zero[1]
        assert not zero.all()


@pytest.mark.slow
def test_alpha_is_in_the_training_log_and_replays_from_it(smoke_run, with_budget, monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    run = with_budget(smoke_run, "rl", per_device_train_batch_size=3 * GROUP, max_steps=2)
    out = train(run, Cell("sgg_anatomy_mini", "mini-l", "gpg", 0), ignore)
    steps, rollouts = read(out / LOG_NAME, "steps"), read(out / LOG_NAME, "rollouts")
    rollouts["total"] = rollouts["reward_accuracy_reward"] + rollouts["reward_format_reward"]
    for step in steps.itertuples():
        groups = rollouts[rollouts["step"] == step.step].groupby("group_index")["total"]
        constant = (groups.max() - groups.min() < 1e-6).sum()
        assert constant >= 1
        assert step.alpha == pytest.approx(3 / (3 - constant))
