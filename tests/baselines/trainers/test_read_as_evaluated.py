"""Rewards read what evaluation reads: what the chat template opened, and tags that are special tokens."""

import json
import shutil

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini import tokenizer as mini
from anatomy_r1.training.rewards import accuracy_reward, format_reward
from baselines.stages.policy import load_policy
from baselines.trainers.grpo import LoggedGRPOTrainer

REST = "A liver . </think> <answer> B </answer>"


def rewards(tokenizer, text, *, conversational=True, as_parsed=""):
    """Accuracy and format by the trainer's own way from tokens to rewards; `as_parsed` is what TRL makes of them."""
    trainer = object.__new__(LoggedGRPOTrainer)
    trainer.processing_class, trainer._tokenizer = tokenizer, tokenizer
    trainer.chat_template, trainer.chat_template_kwargs = None, {}
    trainer.eos_token_ids = [tokenizer.eos_token_id]
    tokens = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    said = [{"role": "assistant", "content": as_parsed}] if conversational else as_parsed
    read = trainer._as_evaluated([said], [tokens])
    return accuracy_reward(read, options=[["Gut", "Liver"]], letter=["B"]) + format_reward(read)


@pytest.fixture
def opening():
    """A tokenizer whose chat template opens the reasoning."""
    tokenizer = mini.build_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("assistant\n", "assistant\n<think>\n")
    return tokenizer


@pytest.mark.parametrize("conversational", [True, False])
def test_case_01_a_completion_that_begins_inside_its_reasoning(opening, conversational):
    assert rewards(opening, REST, conversational=conversational) == [1, 1]
    assert rewards(mini.build_tokenizer(), f"<think> {REST}", conversational=conversational) == [1, 1]


def test_case_01_the_format_reward_is_for_the_whole_response(opening):
    """A policy that opens its reasoning once more, or never closes it, does not have the format."""
    assert rewards(opening, f"<think> {REST}")[1] == 0
    assert rewards(opening, "A liver . <answer> B </answer>")[1] == 0
    assert rewards(mini.build_tokenizer(), REST)[1] == 0


@pytest.mark.parametrize("special", [mini.TAGS, mini.TAGS[:2], mini.TAGS[2:]], ids=["all", "think", "answer"])
def test_case_02_tags_that_are_special_tokens(monkeypatch, special):
    """TRL decodes completions without special tokens: neither reward would ever be above 0."""
    plain = tuple(tag for tag in mini.TAGS if tag not in special)
    monkeypatch.setattr(mini, "SPECIAL", (*mini.SPECIAL, *special))
    monkeypatch.setattr(mini, "TAGS", plain)
    tokenizer = mini.build_tokenizer()
    tokens = tokenizer(f"<think> {REST}", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(tokens, skip_special_tokens=True) != f"<think> {REST}"
    assert rewards(tokenizer, f"<think> {REST}") == [1, 1]


def test_case_02_a_policy_whose_tokenizer_loses_the_tags_is_refused_before_the_first_step(model_folder, tmp_path):
    model = shutil.copytree(model_folder, tmp_path / "model")
    content = json.loads((model / "tokenizer.json").read_text())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in mini.TAGS]
    (model / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(AnatomyR1Error, match="its tokenizer loses <think>"):
        load_policy(model, model, {})


def test_case_16_a_policy_with_its_chat_template_in_the_tokenizer_s_configuration_only(model_folder, tmp_path):
    model = shutil.copytree(model_folder, tmp_path / "model")
    config = json.loads((model / "tokenizer_config.json").read_text())
    template = (model / "chat_template.jinja").read_text()
    (model / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}))
    (model / "chat_template.jinja").unlink()
    assert load_policy(model, model, {})[1].chat_template == template
    (model / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": "{{ messages[0].content }}"}))
    with pytest.raises(AnatomyR1Error, match="its chat template is for text only"):
        load_policy(model, model, {})
