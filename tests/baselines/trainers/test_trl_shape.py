"""TRL and transformers still have the interfaces that baselines/trainers and baselines/stages/train.py rely on."""

import inspect

import pytest

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
