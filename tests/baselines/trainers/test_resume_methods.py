"""Every method: a run that was cut off and resumed equals one that was not, bit for bit, with KL where it has it."""

import pytest

from anatomy_r1.training.curriculum import LevelRule
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell
from baselines.experiment.cell import settings as plan_of
from baselines.experiment.profile import digest
from baselines.methods.registry import CALIBRATION, METHODS
from baselines.stages.train import LOG_NAME, train
from tests.helpers.recording import hashed_reward
from tests.helpers.small_runs import CutError, ignore

TRAINED = [method.id for method in METHODS if method.kind == "rl" and method not in CALIBRATION]
STEPS, CUT, SAVED = 5, 4, 2


def cut(done, total):
    if done == CUT:
        raise CutError


def outcome(out):
    steps = read(out / LOG_NAME, "steps").drop(columns="seconds")
    return (out / "model.safetensors").read_bytes(), steps, read(out / LOG_NAME, "rollouts")


@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_resume_is_bitwise(method, smoke_run, with_budget, tmp_path, monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    monkeypatch.setattr("baselines.trainers.serve.LevelRule", lambda *_: LevelRule(levels=3, window=1, threshold=0.3))
    changes = {
        "max_steps": STEPS,
        "own_steps": STEPS,
        "save_steps": SAVED,
        "learning_rate": 1e-3,
        "warmup_steps": 1,
        "beta": 0.1,
    }
    run = with_budget(smoke_run, "rl", **changes, max_completion_length=12)
    cell = Cell("sgg_anatomy_mini", "mini-l", method, 0)
    if parent := cell.parent():
        train(run, parent, ignore)
    whole = train(run, cell, ignore)
    weights, steps, rollouts = outcome(whole)
    whole.rename(tmp_path / "whole")

    with pytest.raises(CutError):
        train(run, cell, cut)
    assert (run.layout.work(digest(plan_of(run.profile, cell))) / f"checkpoint-{SAVED}").is_dir()
    again = train(run, cell, ignore)

    assert outcome(again)[0] == weights
    assert outcome(again)[1].equals(steps)
    assert outcome(again)[2].equals(rollouts)
    assert read(again / LOG_NAME, "events")["kind"].tolist() == ["start", "resume", "end"]
    assert steps["grad_norm"].max() > 0  # the loss of Dr. GRPO is 0 on-policy, and still has a gradient
    has_kl = cell.method.knobs.get("beta") != 0.0
    assert (steps["kl"].fillna(0).iloc[-1] > 0) == has_kl
