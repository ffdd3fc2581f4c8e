"""TRL and transformers still have the interfaces that baselines/trainers and baselines/stages/train.py rely on."""

import inspect
from types import SimpleNamespace

import pytest

from anatomy_r1.errors import AnatomyR1Error

pytest.importorskip("trl")


def test_versions_are_the_locked_ones():
    import transformers
    import trl

    assert (trl.__version__, transformers.__version__) == ("1.16.0", "5.17.0")


def test_private_methods_that_are_overridden_exist_with_these_parameters():
    from trl import GRPOTrainer, SFTTrainer

    def parameters(owner, name):
        return list(inspect.signature(getattr(owner, name)).parameters)

    assert parameters(GRPOTrainer, "_get_train_sampler") == ["self", "dataset"]
    assert parameters(GRPOTrainer, "_generate_and_score_completions") == ["self", "inputs"]
    assert parameters(GRPOTrainer, "_calculate_rewards") == [
        "self",
        "inputs",
        "prompts",
        "completions",
        "completion_ids_list",
    ]
    assert parameters(GRPOTrainer, "_compute_loss") == ["self", "model", "inputs"]
    assert hasattr(GRPOTrainer, "_get_per_token_logps_and_entropies")
    assert parameters(GRPOTrainer, "_generate_single_turn")[:3] == ["self", "prompt_ids", "images"]
    assert parameters(SFTTrainer, "_get_train_sampler") == ["self", "train_dataset"]


def test_rewards_are_gathered_and_the_batch_has_the_keys_that_are_logged():
    from trl import GRPOTrainer

    scored = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    for key in ("completion_ids", "completion_mask", "advantages"):
        assert f'"{key}"' in scored
    assert "gather(rewards_per_func)" in inspect.getsource(GRPOTrainer._calculate_rewards)


def test_case_11_an_example_that_would_be_cut_stops_training(monkeypatch):
    """TRL cuts each example to `max_length` in the batch, so that a full batch may have lost a completion."""
    import torch
    from trl import SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    from baselines.trainers import OrderedSFTTrainer

    assert "input_ids[:, : self.max_length]" in inspect.getsource(DataCollatorForVisionLanguageModeling)
    monkeypatch.setattr(SFTTrainer, "compute_loss", lambda *_: "loss")
    trainer = object.__new__(OrderedSFTTrainer)
    batch = {"input_ids": torch.zeros(2, 300)}
    for limit in (None, 301):
        trainer.args = SimpleNamespace(max_length=limit)
        assert trainer.compute_loss(None, batch) == "loss"
    trainer.args = SimpleNamespace(max_length=300)
    with pytest.raises(AnatomyR1Error, match=r"max_length 300: an example is as long or longer, .*Fix: write null"):
        trainer.compute_loss(None, batch)
