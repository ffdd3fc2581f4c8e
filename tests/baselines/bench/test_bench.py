"""The GPU bench: its cases and inputs, and (slow) its rehearsal."""

import dataclasses
import json

import pytest

from anatomy_r1.errors import AnatomyR1Error
from baselines.bench.cases import COMPLETION, METHODS, OURS, Case, bench_method, bench_profile, cases, model_entry
from baselines.bench.report import aims
from baselines.experiment.cell import arguments
from baselines.experiment.profile import load_profile
from baselines.preflight.memory import ARCHITECTURES, ROLLOUT_TOKENS, shape_of


def test_cases_are_every_model_tuning_and_method_and_a_wrong_name_is_reported():
    every = cases()
    assert len(every) == 2 * 2 * 11 == len({case.name for case in every})
    assert every[0].name == "3b-lora-trl"
    assert [case.name for case in cases(["7b"], ["full"], ["gpg"])] == ["7b-full-gpg"]
    assert {case.model for case in cases(rehearsal=True)} == {"mini"}
    assert COMPLETION == ROLLOUT_TOKENS, "as in the plan"
    with pytest.raises(AnatomyR1Error, match=r"method 'ppo'.*trl, grpo"):
        cases(methods=["ppo"])
    with pytest.raises(AnatomyR1Error, match="--steps 2 or more"):
        cases(steps=1)


@pytest.mark.parametrize("method", METHODS)
def test_settings_are_the_paper_s_profile_s_but_for_what_the_bench_says_it_changes(method):
    case = Case("7b", "lora", method)
    of_bench = arguments(bench_profile(case), bench_method(method), 0)
    of_profile = arguments(load_profile("paper-1gpu"), bench_method(method), 0)
    differing = {name for name in of_profile if of_bench[name] != of_profile[name]}
    assert differing == {
        "max_steps", "own_steps", "rollout_tokens", "warmup_steps", "max_completion_length", "use_vllm", "similarity",
        "save_strategy", "parity_band", "parity_stop",
    }  # fmt: skip
    assert model_entry(case) == load_profile("paper-1gpu").models["qwen2.5-vl-7b"]
    full = model_entry(Case("7b", "full", method))
    assert "lora" not in full
    assert full["frozen"] == ["model.visual"]


@pytest.mark.parametrize("method", OURS)
def test_a_group_computed_once_is_the_same_method_with_two_more_keys(method):
    usual, once = bench_method(method), bench_method(f"{method}-shared")
    assert once.knobs == {**usual.knobs, "shared_prefix": True, "shared_rollouts": True}
    assert (once.trainer, once.budget, once.rewards) == (usual.trainer, usual.budget, usual.rewards)
    assert "curriculum" in bench_method("grpo-asc-shared").knobs
    assert bench_profile(Case("7b", "lora", "grpo-asc-shared")).training["rl"]["similarity"] == "mini"


@pytest.mark.parametrize("architecture", sorted(path.stem for path in ARCHITECTURES.glob("*.json")))
def test_only_special_tokens_of_the_real_architecture_change(architecture):
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from baselines.bench.inputs import build_processor, model_config

    tokenizer = build_processor((3136, 451_584)).tokenizer
    raw = json.loads((ARCHITECTURES / f"{architecture}.json").read_text())
    before, after = AutoConfig.for_model(**raw).to_dict(), model_config(raw, tokenizer).to_dict()
    ids = {"image", "video", "vision_start", "vision_end", "eos", "bos", "pad"}
    for left, right in ((before, after), (before["text_config"], after["text_config"])):
        assert {name for name in left if left[name] != right[name] and name != "text_config"} <= {
            f"{name}_token_id" for name in ids
        }
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(model_config(raw, tokenizer))
    parameters = sum(weight.numel() for weight in model.parameters())
    assert parameters == shape_of({"hub": f"Qwen/{architecture}"}).parameters


def test_a_prompt_is_as_long_as_a_real_one_and_has_no_unknown_word():
    """A frame of 854 x 480 is 30 x 17 tokens: transformers rounds its sides to whole tokens."""
    from PIL import Image

    from baselines.bench.inputs import FRAME, _texts, build_processor, forbidden

    processor = build_processor((3136, 451_584))
    tokenizer = processor.tokenizer
    texts = _texts()
    assert len(set(texts)) > 300, "GDQA has other wordings to choose from"
    assert not [text for text in texts if tokenizer.unk_token_id in tokenizer(text)["input_ids"]]
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": texts[0]}]}]
    text = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    ids = processor(images=[Image.new("RGB", FRAME)], text=[text], return_tensors="pt")["input_ids"][0].tolist()
    image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert ids.count(image) == 30 * 17
    assert 105 <= len(ids) - 510 <= 125, "about 115 of text"
    assert image in forbidden(tokenizer)
    assert tokenizer.eos_token_id not in forbidden(tokenizer)


def test_only_a_gpu_s_memory_is_out_of_memory():
    import torch

    from baselines.bench.measure import failure

    assert failure(torch.OutOfMemoryError("CUDA out of memory"))["status"] == "out of memory"
    assert failure(MemoryError("of the host"))["status"] == "failed"


SHORT = {"completion": 3, "steps": 2, "rehearsal": True}
FIELDS = {
    "case", "command", "commit", "dirty", "packages", "date", "device", "status", "plan", "memory", "said", "losses",
    "prompt", "settings", "seconds", "share", "own", "tokens_per_second", "rollout_tokens_per_second", "completions",
    "steps", "each_step", "case_seconds",
}  # fmt: skip


@pytest.mark.slow
def test_a_rehearsal_fills_every_field_and_trl_and_ours_sample_the_same(tmp_path):
    from baselines.bench.inputs import prepare
    from baselines.bench.measure import measure

    wanted = cases(["mini"], ["full"], ["trl", "grpo", "grpo-shared", "grpo-gdqa", "gpg"], **SHORT)
    wanted += cases(["mini"], ["lora"], ["dapo"], **SHORT) + cases(["mini"], ["full"], ["grpo-asc-shared"], **SHORT)
    found = {}
    for case in wanted:
        prepare(tmp_path, case, "cpu")
        found[case.method] = one = measure(case, tmp_path, "the command")
        assert set(one) == FIELDS, one.get("error")
        assert one["tokens_per_second"] > 0
        assert all(share >= 0 for name, share in one["share"].items() if name != "other")
        assert all(one["share"][name] > 0 for name in ("rollout", "scoring", "forward", "backward", "optimiser"))
        each = one["each_step"][0]
        assert each["tokens"] == each["completions"] * case.completion, "no completion ends early"
        assert json.loads(json.dumps(one)) == one
    assert found["trl"]["said"] == found["grpo"]["said"] == found["gpg"]["said"] != found["grpo-gdqa"]["said"]
    assert found["grpo"]["completions"] == found["grpo-shared"]["completions"] == 32
    assert {one for one in found if found[one]["settings"]["shared_prefix"]} == {"grpo-shared", "grpo-asc-shared"}
    assert found["grpo-shared"]["losses"][0] == pytest.approx(found["grpo"]["losses"][0], abs=1e-5)
    assert found["grpo-shared"]["plan"]["step"] < found["grpo"]["plan"]["step"]
    assert {one for one in found if found[one]["own"]["vary"] > 0.001} == {"grpo-gdqa"}
    assert {one for one in found if found[one]["own"]["write"] == 0} == {"trl"}
    assert found["dapo"]["completions"] == 4 * 32, "no answer is correct: all draws are used"
    assert found["dapo"]["plan"]["reference"] == 0 < found["grpo"]["plan"]["reference"]
    assert {one["verdict"] for one in map(dataclasses.asdict, aims(list(found.values())))} >= {"not measured (no GPU)"}
