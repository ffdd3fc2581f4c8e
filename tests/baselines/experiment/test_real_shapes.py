"""The real models' shapes, on the meta device: every trainer is built as training builds it, without the memory."""

import dataclasses
import json

import pytest
import torch

from anatomy_r1.data.prepared import load
from baselines.bench.inputs import build_processor
from baselines.experiment.cell import Layout, arguments
from baselines.experiment.profile import load_profile
from baselines.methods.registry import find_method
from baselines.preflight.memory import ARCHITECTURES, empty_model, head_width, shape_of
from baselines.preflight.work import network_of
from baselines.stages.policy import freeze
from baselines.stages.train import assemble
from baselines.trainers.arguments import build_arguments
from tests.helpers import qwen3_vl

TASK = "sgg_anatomy_mini"
NO_VLLM = {"use_vllm": False, "vllm_enable_sleep_mode": False, "parity_band": 0.0, "parity_stop": 0.0}
ON_CPU = {**NO_VLLM, "similarity": "mini"}
TRAINERS = ("sft", "grpo", "gpg", "dapo", "papo")
"""One method of each trainer."""
PAPERS = ("qwen2.5-vl-3b", "qwen2.5-vl-7b")
NEWER = ("qwen3-vl-4b", "qwen3-vl-8b", "qwen3-vl-4b-thinking", "qwen3-vl-8b-thinking")
CASES = [("paper", model, method) for model in PAPERS for method in TRAINERS]
CASES += [("paper", model, method) for model in NEWER[:2] for method in ("sft", "grpo")]
CASES += [("paper-1gpu", model, method) for model in (*PAPERS, *NEWER[:2]) for method in ("sft", "grpo")]
PARAMETERS = {"4b": 4_437_815_808, "8b": 8_767_123_696}
"""Of Qwen3-VL, as the hub states them."""


@pytest.fixture
def without_memory(monkeypatch):
    """What has no memory stays where it is, and the reference is made as the policy is."""
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_, **__: self)


def processor_of(source):
    pixels = source["pixels"]
    return qwen3_vl.build_processor() if "Qwen3" in source["hub"] else build_processor((pixels["min"], pixels["max"]))


def built(profile, name, method, root, out, monkeypatch):
    """The trainer of a method, with the real model's shape in the profile's precision."""
    source, method = profile.models[name], find_method(method)
    budget = {**profile.training, "rl": {**profile.training["rl"], **ON_CPU}}
    given = arguments(dataclasses.replace(profile, training=budget), method, 0)
    given |= {"output_dir": str(out), "report_to": "none", "use_cpu": True}
    with torch.device("meta"):
        model, reference = (empty_model(source).bfloat16() for _ in range(2))
    freeze(model, source.get("frozen", ()))
    monkeypatch.setattr("trl.trainer.grpo_trainer.create_model_from_path", lambda *_, **__: reference)
    kind = "sft" if method.kind == "sft" else "rl"
    policy = model, processor_of(source)
    prepared = load(Layout(root).data(TASK), "train")
    return assemble(method, prepared, policy, source, build_arguments(kind, given, len(method.rewards)))


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "name", "method"), CASES)
def test_every_trainer_is_built_with_the_real_shape(
    profile, name, method, smoke_root, tmp_path, without_memory, monkeypatch
):
    loaded = load_profile(profile)
    source = loaded.models[name]
    trainer = built(loaded, name, method, smoke_root, tmp_path, monkeypatch)
    weights = dict(trainer.model.named_parameters())
    assert {one.device.type for key, one in weights.items() if "lora" not in key} == {"meta"}
    shape, trained = shape_of(source), {key: one for key, one in weights.items() if one.requires_grad}
    assert sum(one.numel() for one in weights.values()) == shape.parameters + shape.adapters
    assert sum(one.numel() for one in trained.values()) == shape.trainable
    assert not any("visual" in key for key in trained)
    frozen = {one.dtype for key, one in weights.items() if key not in trained}
    assert frozen == {torch.bfloat16}
    groups = trainer.create_optimizer().param_groups
    assert sum(one.numel() for group in groups for one in group["params"]) == shape.trainable
    if method == "sft":
        return
    whole_reference = bool(trainer.beta) and not source.get("lora")
    assert (trainer.ref_model is not None) == whole_reference
    if whole_reference:
        assert sum(one.numel() for one in trainer.ref_model.parameters()) == shape.parameters


@pytest.mark.parametrize("name", NEWER)
def test_qwen3_vl_has_as_many_weights_as_the_hub_states(name):
    entry = load_profile("paper").models[name]
    assert shape_of(entry).parameters == PARAMETERS[name.split("-")[2]]
    assert entry["hub"].endswith("Thinking" if name.endswith("thinking") else "Instruct")


@pytest.mark.parametrize("path", sorted(ARCHITECTURES.glob("*.json")), ids=lambda path: path.stem)
def test_the_plan_s_sizes_are_the_model_s(path):
    """Weights in matrices, counted on the model itself: heads of Qwen3-VL-4B are wider than their share of it."""
    model = empty_model({"hub": f"Qwen/{path.stem}"})
    network, text = network_of(model.config), model.config.get_text_config()
    assert network.queries == head_width(text) * text.num_attention_heads
    layer = model.model.language_model.layers[0]
    assert network.layer == sum(one.weight.numel() for one in layer.modules() if isinstance(one, torch.nn.Linear))
    tower = model.model.visual
    count = lambda part: sum(one.weight.numel() for one in part.modules() if isinstance(one, torch.nn.Linear))  # noqa: E731
    per_patch = network.vision(4).weights - network.embedding(4)
    mergers = [tower.merger, *getattr(tower, "deepstack_merger_list", ())]
    assert per_patch / 2 == 4 * count(tower.blocks) + sum(map(count, mergers))
    assert network.embedding(1) / 2 == tower.patch_embed.proj.weight.numel()


def test_a_thinking_model_has_the_shape_of_the_other():
    for size in ("4B", "8B"):
        one, other = (json.loads((ARCHITECTURES / f"Qwen3-VL-{size}-{kind}.json").read_text()) for kind in
                      ("Instruct", "Thinking"))  # fmt: skip
        assert one == other
