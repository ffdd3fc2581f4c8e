"""TRL and transformers still have the interfaces that baselines/trainers and baselines/stages/train.py rely on."""

import inspect
from types import SimpleNamespace

import pytest

from anatomy_r1.errors import AnatomyR1Error

pytest.importorskip("trl")

from baselines.trainers.shared_scores import NAMES


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


def test_log_probabilities_are_asked_for_as_shared_rows_answer():
    """`baselines/trainers/shared_scores.py`: arguments, result, the head's pre-shifted labels, the prepared mask."""
    import torch
    from transformers import Qwen2_5_VLConfig
    from transformers.masking_utils import create_causal_mask
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
    from trl import GRPOTrainer
    from trl.trainer.utils import add_fused_lm_head

    asked = inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies)
    first = ["self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size", "compute_entropy"]
    assert list(asked.parameters)[:8] == [*first, "compute_aux_loss"]
    assert {*NAMES} < {*asked.parameters}
    assert "return logps, entropies, aux_loss" in inspect.getsource(GRPOTrainer._get_per_token_logps_and_entropies)
    for caller in (GRPOTrainer._compute_loss, GRPOTrainer._generate_and_score_completions):
        for call in inspect.getsource(caller).split("self._get_per_token_logps_and_entropies(")[1:]:
            given = [one.strip() for one in call.split(")")[0].split(",")]
            assert given[3] == "logits_to_keep"  # all that follows has a name
            assert all("=" in one or "**" in one or not one or one.startswith("#") for one in given[4:6])
    head = inspect.getsource(add_fused_lm_head)
    assert "labels = shift_labels" in head
    assert "masked_fill(~mask, 0)" in head  # 0 at padding, as `Packed.unpack` has it
    buffered = inspect.getsource(GRPOTrainer._prepare_inputs)  # `LoggedGRPOTrainer._prepare_inputs`
    assert "inputs = self._buffered_inputs[self._step % self.args.steps_per_generation]" in buffered
    assert "self._buffered_inputs = [unsplit_pixel_values_by_grid(batch) for batch in generation_batches]" in buffered
    positions = list(inspect.signature(Qwen2_5_VLModel.get_rope_index).parameters)
    assert {"input_ids", "mm_token_type_ids", "image_grid_thw", "attention_mask"} < {*positions}
    forward = inspect.getsource(Qwen2_5_VLModel.forward)
    assert "self.get_image_features(pixel_values, image_grid_thw, **kwargs).pooler_output" in forward
    four, text = torch.ones(1, 1, 2, 2, dtype=torch.bool), Qwen2_5_VLConfig().get_text_config()
    assert create_causal_mask(text, torch.ones(1, 2, 4), four, past_key_values=None) is four


def test_vllm_s_prefix_cache_is_left_on_and_emptied_with_each_new_policy():
    """vLLM has it on where nothing is stated, and pictures are told apart."""
    from trl.generation.vllm_generation import VLLMGeneration
    from trl.scripts.vllm_serve import ScriptArguments

    assert "enable_prefix_caching" not in inspect.getsource(VLLMGeneration)
    assert ScriptArguments(model="any").enable_prefix_caching is None
    emptied = inspect.getsource(VLLMGeneration.sync_weights)
    assert "self.llm.reset_prefix_cache()" in emptied and "self.vllm_client.reset_prefix_cache()" in emptied


def test_inputs_are_asked_for_as_kept_inputs_answer():
    """`baselines/trainers/kept_inputs.py`: other arguments would go to the processor itself, and nothing be kept."""
    from transformers import ProcessorMixin
    from trl import GRPOTrainer

    to_sample = inspect.getsource(GRPOTrainer._tokenize_prompts)
    assert "tokenized = self.processing_class.apply_chat_template(\n                conversation=prompts," in to_sample
    to_score = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    call = 'self.processing_class(images=images, text=prompts_text, padding=True, return_tensors="pt")'
    assert call in to_score
    assert "dataset = self.train_dataset" in inspect.getsource(GRPOTrainer.get_train_dataloader)
    assert "self.image_processor(images, **kwargs)" in inspect.getsource(ProcessorMixin._process_images)


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
