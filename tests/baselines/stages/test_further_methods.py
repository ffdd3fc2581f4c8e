"""Each method of other papers goes through the grid's train stage: two steps, a log, a policy, a certificate."""

import json

import pytest

from anatomy_r1.data.prepared import load
from anatomy_r1.training.certificate.certificate import NAMES, load_evidence
from anatomy_r1.training.certificate.certify import certify
from anatomy_r1.training.training_log import LOG_NAME, read
from baselines.methods.registry import FURTHER
from baselines.stages.stages import run_stage
from tests.helpers.recording import hashed_reward

BENCHMARK = "sgg_anatomy_mini"


@pytest.mark.slow
@pytest.mark.parametrize("method", [one.id for one in FURTHER])
def test_two_steps_in_the_smoke_profile(method, smoke_run, with_budget, monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    run = with_budget(smoke_run, "rl", max_steps=2)
    base = (run.layout.base("mini-l") / "model.safetensors").read_bytes()
    run_stage("train", f"{BENCHMARK}/mini-l/{method}/seed0", run)
    folder = run.layout.root / "train" / BENCHMARK / "mini-l" / method / "seed0"
    steps, rollouts = read(folder / LOG_NAME, "steps"), read(folder / LOG_NAME, "rollouts")
    assert list(steps["step"]) == [1, 2]
    assert len(rollouts) == 2 * 16
    assert (folder / "model.safetensors").read_bytes() != base
    assert ("reward_soft_overlong_punishment_reward" in rollouts) == (method == "grpo-overlong")
    progress = json.loads(run.layout.progress("train", f"{BENCHMARK}/mini-l/{method}/seed0").read_text())
    assert progress["state"] == "done"
    evidence = load_evidence(folder, load(run.layout.data(BENCHMARK), "train"))
    found = {check.name: check.outcome for check in certify(evidence).checks}
    assert found == {**dict.fromkeys(NAMES, "passed"), "rewards": "failed"}  # for they are planted
