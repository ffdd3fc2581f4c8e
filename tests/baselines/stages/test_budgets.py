"""Two budgets in one run: the policy of equal tokens is that of a run that ended there, however the run was cut off."""

import json
from functools import cache

import pytest

from anatomy_r1.results.store import load_results
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.profile import digest
from baselines.stages.evaluate import evaluate_cell
from baselines.stages.train import LOG_NAME, train
from tests.helpers.recording import hashed_reward
from tests.helpers.small_runs import CutError, ignore, linked
from tests.helpers.smoke import smoke_profile

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


EARLY = (4, int(1.5 * A_STEP), 9)
LATE = (3, int(3.5 * A_STEP), 9)
"""Own steps, rollout tokens and most steps: the tokens come before the own steps, or after them. Both end at step 4."""


@pytest.fixture(scope="module")
def budgeted(smoke_root, with_budget, tmp_path_factory):
    """A run with this budget, in a folder of its own."""

    def run(own, tokens, most):
        root = linked(tmp_path_factory.mktemp("budget"), smoke_root)
        smoke = GridRun(smoke_profile(), Layout(root), "smoke")
        return with_budget(smoke, "rl", **BUDGET, own_steps=own, rollout_tokens=tokens, max_steps=most)

    return run


@pytest.fixture(scope="module")
def whole(budgeted):
    """Budget -> a run and its training, which nothing cut off; each is trained once."""

    @cache
    def trained(*budget):
        run = budgeted(*budget)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
            return run, train(run, CELL, ignore)

    return trained


@pytest.mark.slow
@pytest.mark.parametrize("budget", [EARLY, LATE], ids=["tokens before the own steps", "tokens after the own steps"])
def test_both_policies_are_those_of_runs_that_ended_there(budget, whole):
    own, tokens, _ = budget
    _, out = whole(*budget)
    log = read(out / LOG_NAME, "steps")
    assert len(log) == 4
    equal = record(out)["equal_tokens"]
    at = int(log.loc[log["rollout_tokens"] >= tokens, "step"].min())
    assert equal["reached"] is True
    assert equal["spent"]["steps"] == at != own
    assert equal["spent"]["rollout_tokens"] == log["rollout_tokens"].iloc[at - 1] >= tokens
    assert record(out)["spent"]["steps"] == own
    assert record(out)["spent"]["rollout_tokens"] == log["rollout_tokens"].iloc[own - 1]

    for name, ends in ((".", own), ("equal-tokens", at)):
        assert weights(whole(ends, 0, ends)[1]) == weights(out / name)
    assert weights(out) != weights(out / "equal-tokens")


@pytest.mark.slow
@pytest.mark.parametrize("cut", [2, 3, 4])
def test_a_run_that_was_cut_off_keeps_the_same_policies(cut, budgeted, whole):
    run, (_, expected) = budgeted(*LATE), whole(*LATE)

    def stop(done, total):
        if done == cut:
            raise CutError

    with pytest.raises(CutError):
        train(run, CELL, stop)
    again = train(run, CELL, ignore)
    for name in (".", "equal-tokens"):
        assert weights(again / name) == weights(expected / name)
    assert read(again / LOG_NAME, "rollouts").equals(read(expected / LOG_NAME, "rollouts"))


@pytest.mark.slow
def test_a_run_killed_after_its_last_step_does_not_train_on(budgeted, whole, monkeypatch):
    run, (_, expected) = budgeted(*EARLY), whole(*EARLY)

    def killed(*_):
        raise CutError

    with monkeypatch.context() as patch:
        patch.setattr("baselines.stages.train.publish", killed)
        with pytest.raises(CutError):
            train(run, CELL, ignore)
    assert (run.layout.work(digest(settings(run.profile, CELL))) / "checkpoint-4").is_dir()
    again = train(run, CELL, ignore)
    assert read(again / LOG_NAME, "rollouts").equals(read(expected / LOG_NAME, "rollouts"))
    assert weights(again / "equal-tokens") == weights(expected / "equal-tokens")


@pytest.mark.slow
def test_a_budget_that_is_not_reached_says_so(budgeted):
    equal = record(train(budgeted(1, 10**6, 2), CELL, ignore))["equal_tokens"]
    assert equal["reached"] is False
    assert equal["spent"]["steps"] == 2


@pytest.mark.slow
def test_each_arm_is_stored_with_what_its_policy_cost(whole):
    run, _ = whole(*EARLY)
    for arm in ("matched", "equal-tokens"):
        evaluate_cell(run, CELL, arm, ignore)
    equal, own = load_results(run.layout.store())
    assert (equal.arm, own.arm) == ("equal-tokens", "matched")
    assert (equal.provenance["training"]["spent"]["steps"], own.provenance["training"]["spent"]["steps"]) == (2, 4)
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
