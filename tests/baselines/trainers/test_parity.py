"""The sampler's log-probabilities beside the trainer's: equal in a sound run; planted faults end the first step."""

import math
from dataclasses import replace

import pytest
import torch

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.training_log import TrainingLog, read
from baselines.experiment.profile import load_profile
from baselines.trainers import grpo
from baselines.trainers.parity import Agreement, agreement, partial_sums, require
from tests.helpers.recording import hashed_reward, shift_weights, trainer_for

pytestmark = pytest.mark.slow

BAND, MOST = 1e-3, 0.01
PROFILE = {key: load_profile("paper").budget("rl")[key] for key in ("parity_band", "parity_stop")}
CHECKED = {"max_steps": 2, "beta": 0.0, "shared_rollouts": True, "parity_band": BAND, "parity_stop": MOST}


@pytest.fixture
def checked(smoke_run, with_budget, tmp_path, monkeypatch):
    """Method -> a trainer whose sampler is checked, and its log; weights are such that answers differ."""
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)

    def make(method, **more):
        trainer, _ = trainer_for(with_budget(smoke_run, "rl", **{**CHECKED, **more}), method, tmp_path, precise=False)
        shift_weights(trainer.model, 0.1)
        trainer.training_log = TrainingLog(tmp_path / "log.sqlite")
        return trainer, tmp_path / "log.sqlite"

    return make


@pytest.mark.slow
@pytest.mark.parametrize(("method", "shared"), [("grpo", False), ("grpo", True), ("dapo", True), ("grpo-gdqa", False)])
def test_a_sound_run_agrees_at_every_step(checked, method, shared):
    trainer, log = checked(method, shared_prefix=shared)
    trainer.train()
    trainer.training_log.close(2)
    found, rollouts = read(log, "parity"), read(log, "rollouts")
    assert list(found["step"]) == [1, 2]
    assert found["outside"].max() == 0
    assert 0 < found["largest"].max() < 1e-4
    assert (found["mean"] <= found["largest"]).all()
    learnt = rollouts[rollouts["kept"] == 1].groupby("step")["tokens"].sum()
    assert list(found["tokens"]) == list(learnt)


def stale(trainer, prompts, images, fields):
    """Weights of another step."""
    kept = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    shift_weights(trainer.model, 0.05, seed=1)
    found = SAMPLE(trainer, prompts, images, fields)
    with torch.no_grad():
        for name, value in trainer.model.named_parameters():
            value.copy_(kept[name])
    return found


def blind(trainer, prompts, images, fields):
    """The image is not what the trainer has."""
    return SAMPLE(trainer, prompts, images, {**fields, "pixel_values": torch.zeros_like(fields["pixel_values"])})


def cold(trainer, prompts, images, fields):
    """Another temperature."""
    heat = trainer.temperature
    trainer.temperature = heat / 2
    try:
        return SAMPLE(trainer, prompts, images, fields)
    finally:
        trainer.temperature = heat


SAMPLE = grpo.sample


@pytest.mark.parametrize("limits", [{}, PROFILE], ids=["tight", "the profile's"])
@pytest.mark.parametrize("fault", [stale, blind, cold])
def test_a_planted_fault_ends_the_first_step(checked, fault, limits, monkeypatch):
    monkeypatch.setattr(grpo, "sample", fault)
    trainer, _ = checked("grpo", **limits)
    before = [value.detach().clone() for value in trainer.model.parameters()]
    with pytest.raises(AnatomyR1Error, match=r"step 1: .* % of the sampled tokens' .* not this policy's"):
        trainer.train()
    assert all(torch.equal(one, two) for one, two in zip(before, trainer.model.parameters(), strict=True))


def test_without_a_limit_a_fault_is_logged_and_training_goes_on(checked, monkeypatch):
    monkeypatch.setattr(grpo, "sample", cold)
    trainer, log = checked("grpo", parity_stop=0.0)
    trainer.train()
    trainer.training_log.close(2)
    assert (read(log, "parity")["outside"] > MOST).all()


def test_sums_over_processes():
    sampled = torch.tensor([[-1.0, -2.0, -9.0], [-1.0, -1.0, -9.0]])
    computed = torch.tensor([[-1.0, -2.5, 0.0], [-1.25, float("nan"), 0.0]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 0]])
    parts = torch.stack([partial_sums(sampled[i : i + 1], computed[i : i + 1], mask[i : i + 1], 0.3) for i in range(2)])
    found = agreement(parts)
    assert (found.tokens, found.outside) == (4, 0.5)
    assert math.isinf(found.largest) and math.isinf(found.mean)
    finite = agreement(parts[:1])
    assert (finite.tokens, finite.mean, finite.largest, finite.outside) == (2, 0.25, 0.5, 0.5)
    empty = agreement(partial_sums(sampled, computed, torch.zeros_like(mask), 0.3)[None])
    assert empty == Agreement(0, 0.0, 0.0, 0.0)


def test_the_limit_itself_is_allowed():
    found = Agreement(100, 0.1, 0.4, 0.05)
    require(found, 3, 0.3, 0.05)
    with pytest.raises(AnatomyR1Error, match=r"step 3: 5\.1 %"):
        require(replace(found, outside=0.051), 3, 0.3, 0.05)


def test_a_limit_without_a_band_is_refused(checked):
    with pytest.raises(ValueError, match="parity_stop without parity_band"):
        checked("grpo", parity_band=0.0)


def test_a_band_without_a_sampler_that_states_its_log_probabilities_is_refused(checked):
    with pytest.raises(ValueError, match=r"transformers states no log-probabilities .*Fix: use_vllm, shared_rollouts"):
        checked("grpo", shared_rollouts=False)
