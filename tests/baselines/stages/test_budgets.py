"""Two budgets in one run: the policy of equal tokens is that of a run that ended there, however the run was cut off."""

import json

import pytest

from anatomy_r1.results.store import load_results
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell, settings
from baselines.experiment.profile import digest
from baselines.stages.evaluate import evaluate_cell
from baselines.stages.train import LOG_NAME, train
from tests.helpers.recording import hashed_reward
from tests.helpers.small_runs import CutError, ignore

CELL = Cell("sgg_anatomy_mini", "mini-l", "grpo", 0)
BUDGET = {"save_steps": 2, "learning_rate": 1e-3, "warmup_steps": 1, "beta": 0.1, "max_completion_length": 12}
A_STEP = 16 * 12  # an untrained model seldom ends by itself: sixteen completions of twelve tokens, or little less


@pytest.fixture(autouse=True)
def something_to_learn(monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)


def weights(out):
    return (out / "model.safetensors").read_bytes()


def record(out):
    return json.loads((out / "training.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "tokens", "steps"),
    [(4, int(1.5 * A_STEP), 4), (2, int(3.5 * A_STEP), 4)],
    ids=["tokens before the own steps", "tokens after the own steps"],
)
def test_both_policies_are_those_of_runs_that_ended_there(own, tokens, steps, smoke_run, with_budget, tmp_path):
    run = with_budget(smoke_run, "rl", **BUDGET, own_steps=own, rollout_tokens=tokens, max_steps=9)
    out = train(run, CELL, ignore).rename(tmp_path / "both")
    log = read(out / LOG_NAME, "steps")
    assert len(log) == steps
    equal = record(out)["equal_tokens"]
    at = int(log.loc[log["rollout_tokens"] >= tokens, "step"].min())
    assert equal["reached"] is True
    assert equal["spent"]["steps"] == at != own
    assert equal["spent"]["rollout_tokens"] == log["rollout_tokens"].iloc[at - 1] >= tokens
    assert record(out)["spent"]["steps"] == own
    assert record(out)["spent"]["rollout_tokens"] == log["rollout_tokens"].iloc[own - 1]

    for name, ends in ((".", own), ("equal-tokens", at)):
        alone = with_budget(smoke_run, "rl", **BUDGET, own_steps=ends, rollout_tokens=0, max_steps=ends)
        assert weights(train(alone, CELL, ignore)) == weights(out / name)
    assert weights(out) != weights(out / "equal-tokens")


@pytest.mark.slow
@pytest.mark.parametrize("cut", [2, 3, 4])
def test_a_run_that_was_cut_off_keeps_the_same_policies(cut, smoke_run, with_budget, tmp_path):
    run = with_budget(smoke_run, "rl", **BUDGET, own_steps=3, rollout_tokens=int(3.5 * A_STEP), max_steps=9)
    whole = train(run, CELL, ignore).rename(tmp_path / "whole")

    def stop(done, total):
        if done == cut:
            raise CutError

    with pytest.raises(CutError):
        train(run, CELL, stop)
    again = train(run, CELL, ignore)
    for name in (".", "equal-tokens"):
        assert weights(again / name) == weights(whole / name)
    assert read(again / LOG_NAME, "rollouts").equals(read(whole / LOG_NAME, "rollouts"))


@pytest.mark.slow
def test_a_run_killed_after_its_last_step_does_not_train_on(smoke_run, with_budget, tmp_path, monkeypatch):
    run = with_budget(smoke_run, "rl", **BUDGET, own_steps=4, rollout_tokens=A_STEP, max_steps=9)
    whole = train(run, CELL, ignore).rename(tmp_path / "whole")

    def killed(*_):
        raise CutError

    with monkeypatch.context() as patch:
        patch.setattr("baselines.stages.train.publish", killed)
        with pytest.raises(CutError):
            train(run, CELL, ignore)
    assert (run.layout.work(digest(settings(run.profile, CELL))) / "checkpoint-4").is_dir()
    again = train(run, CELL, ignore)
    assert read(again / LOG_NAME, "rollouts").equals(read(whole / LOG_NAME, "rollouts"))
    assert weights(again / "equal-tokens") == weights(whole / "equal-tokens")


@pytest.mark.slow
def test_a_budget_that_is_not_reached_says_so(smoke_run, with_budget):
    run = with_budget(smoke_run, "rl", **BUDGET, own_steps=1, rollout_tokens=10**6, max_steps=2)
    equal = record(train(run, CELL, ignore))["equal_tokens"]
    assert equal["reached"] is False
    assert equal["spent"]["steps"] == 2


@pytest.mark.slow
def test_each_arm_is_stored_with_what_its_policy_cost(smoke_run, with_budget):
    run = with_budget(smoke_run, "rl", **BUDGET, own_steps=2, rollout_tokens=A_STEP // 2, max_steps=3)
    train(run, CELL, ignore)
    for arm in ("matched", "equal-tokens"):
        evaluate_cell(run, CELL, arm, ignore)
    equal, own = load_results(run.layout.store())
    assert (equal.arm, own.arm) == ("equal-tokens", "matched")
    assert (equal.provenance["training"]["spent"]["steps"], own.provenance["training"]["spent"]["steps"]) == (1, 2)
    assert equal.provenance["sampling"]["weights"] != own.provenance["sampling"]["weights"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"lr_scheduler_type": "cosine"}, "constant learning rate"),
        ({"own_steps": 12, "max_steps": 9}, "own_steps 12 is beyond max_steps 9"),
    ],
    ids=["a schedule that knows its end", "own steps that never come"],
)
def test_contradictory_settings_are_refused(wrong, told, smoke_run, with_budget):
    run = with_budget(smoke_run, "rl", **{"rollout_tokens": 100, "own_steps": 2, "max_steps": 9, **wrong})
    with pytest.raises(ValueError, match=told):
        train(run, CELL, ignore)
