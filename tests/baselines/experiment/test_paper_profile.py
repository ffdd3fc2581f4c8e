"""The profiles for real models: every method builds its trainer and takes a step, with a stand-in of the same class."""

import dataclasses
import json

import pytest
import torch
import yaml

from anatomy_r1.errors import AnatomyR1Error
from baselines.experiment.cell import Cell, GridRun, Layout, arguments, settings
from baselines.experiment.profile import digest, load_profile
from baselines.experiment.profile_file import Launch
from baselines.methods.registry import CALIBRATION, METHODS
from baselines.runtime.processes import ACCELERATE
from baselines.stages.policy import ADAPTER, fetch, load_model, load_policy
from baselines.stages.train import LOG_NAME, train
from tests.helpers.small_runs import ignore, linked
from tests.helpers.smoke import smoke_profile

TASK = "sgg_anatomy_mini"
NO_VLLM = {"use_vllm": False, "parity_band": 0.0, "parity_stop": 0.0}
ON_CPU = {**NO_VLLM, "use_cpu": True, "similarity": "mini", "max_completion_length": 6}
"""What a test machine lacks: GPUs, vLLM, MedCLIP's weights, time."""
SMALL = {"max_steps": 1, "own_steps": 1, "rollout_tokens": 0, "warmup_steps": 0, "save_steps": 5}
TRAINED = [one for one in METHODS if one.trained and one.start == "base" and one not in CALIBRATION]
SIZES = ("qwen2.5-vl-3b", "qwen2.5-vl-7b")


def rehearsal(name, stand_in):
    """The profile with a stand-in for each model, the mini world's questions, and one step of everything."""
    profile = load_profile(name)
    models = {size: {**source, "hub": str(stand_in), "pixels": None} for size, source in profile.models.items()}
    training = {
        section: {**given, **({} if section == "common" else {k: v for k, v in SMALL.items() if k in given})}
        for section, given in profile.training.items()
    }
    training["common"] = {**training["common"], "use_cpu": True}
    training["rl"] = {**training["rl"], **ON_CPU}
    data = smoke_profile().data
    return dataclasses.replace(profile, launch=Launch(processes=1), models=models, training=training, data=data)


@pytest.fixture(scope="module")
def stand_in(smoke_root):
    return smoke_root / "models" / "mini-l"


@pytest.fixture
def run_of(smoke_root, stand_in, tmp_path):
    linked(tmp_path, smoke_root, ("data", "world"))

    def make(name):
        run = GridRun(rehearsal(name, stand_in), Layout(tmp_path), name)
        for size, source in run.profile.models.items():
            if not run.layout.base(size).exists():
                fetch(source, run.layout.base(size))
        return run

    return make


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["paper", "paper-1gpu"])
@pytest.mark.parametrize("size", SIZES)
def test_every_method_builds_its_trainer_and_takes_a_step(profile, size, run_of):
    run = run_of(profile)
    start = load_model(run.layout.base(size), {"dtype": "bfloat16"}).state_dict()
    for method in TRAINED:
        out = train(run, Cell(TASK, size, method.id, 0), ignore)
        assert not (out / ADAPTER).exists(), "adapters are merged: later stages need no PEFT"
        policy, _ = load_policy(out, out, {"dtype": "bfloat16"})
        after = policy.state_dict()
        assert set(after) == set(start)
        assert (out / LOG_NAME).is_file()
        vision = [name for name in start if ".visual." in name]
        assert vision
        assert all(torch.equal(start[name], after[name]) for name in vision), "the vision tower is frozen"
        if method.kind == "sft":  # in bfloat16 and with a rate of 1e-6 one step of RL may round to nothing
            assert any(not torch.equal(start[name], after[name]) for name in start)


@pytest.mark.parametrize("profile", ["paper", "paper-1gpu"])
def test_every_value_of_the_profile_reaches_the_trainer_s_settings(profile):
    from trl import SFTConfig

    from baselines.trainers import RLConfig

    loaded = load_profile(profile)
    for method in TRAINED:
        given = {**arguments(loaded, method, 0), "bf16": False, "use_cpu": True}
        settings = (SFTConfig if method.kind == "sft" else RLConfig)(output_dir="x", **given)
        for name, value in given.items():
            found = getattr(settings, name)
            assert getattr(found, "value", found) == value, name
        if method.kind == "rl":
            together = settings.per_device_train_batch_size * loaded.launch.processes
            assert together * settings.gradient_accumulation_steps == 32
            assert settings.vllm_importance_sampling_correction is False


def test_the_vision_tower_is_frozen_and_adapters_leave_it_alone(smoke_root, stand_in):
    paper, one = load_profile("paper"), load_profile("paper-1gpu")
    model, _ = load_policy(stand_in, stand_in, {**paper.models[SIZES[0]]})
    assert model.dtype == torch.bfloat16
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained
    assert not any("visual" in name for name in trained)
    from peft import get_peft_model

    from baselines.stages.policy import adapters

    source = one.models[SIZES[1]]
    wrapped = get_peft_model(load_policy(stand_in, stand_in, source)[0], adapters(source))
    adapted = [name for name, weight in wrapped.named_parameters() if weight.requires_grad]
    layers = model.config.text_config.num_hidden_layers
    assert len(adapted) == 7 * 2 * layers, "two matrices to each of seven projections in every layer"
    assert not any("visual" in name for name in adapted)


def test_a_part_that_the_model_does_not_have_cannot_be_frozen(stand_in):
    with pytest.raises(AnatomyR1Error, match=r"frozen part 'model.vision'.*model.visual"):
        load_policy(stand_in, stand_in, {"frozen": ["model.vision"]})


def cache(folder, stand_in, name, commit):
    """A snapshot as the hub's cache has it on disk."""
    root = folder / f"models--{name.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    for path in stand_in.iterdir():
        (snapshot / path.name).symlink_to(path)


def test_a_model_comes_from_the_hub_s_cache_pinned_to_its_commit(tmp_path, stand_in, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    source = {"hub": "Qwen/Tiny", "revision": "main", "pixels": {"min": 3136, "max": 7056}}
    with pytest.raises(AnatomyR1Error, match=r"Qwen/Tiny at main: not in the hub's cache.*hf download Qwen/Tiny"):
        fetch(source, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    cache(tmp_path / "hub", stand_in, "Qwen/Tiny", "a" * 40)
    fetch(source, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "source.json").read_text())["commit"] == "a" * 40
    _, processor = load_policy(tmp_path / "model", tmp_path / "model", {})
    size = processor.image_processor.size
    assert (size["shortest_edge"], size["longest_edge"]) == (3136, 7056)
    cache(tmp_path / "hub", stand_in, "Qwen/Tiny", "b" * 40)
    with pytest.raises(AnatomyR1Error, match=f"made from commit {'a' * 40} of Qwen/Tiny.*is now {'b' * 40}. Fix"):
        fetch(source, tmp_path / "model")
    fetch({**source, "revision": "a" * 40}, tmp_path / "model")


def test_a_folder_without_safetensors_is_no_model(tmp_path, stand_in):
    (tmp_path / "hub").mkdir()
    for path in stand_in.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / "hub" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(AnatomyR1Error, match=r"no \*.safetensors"):
        fetch({"hub": str(tmp_path / "hub")}, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("path", sorted(ACCELERATE.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_takes_the_files_of_the_launcher(path):
    from accelerate.commands.config.config_args import load_config_from_file

    loaded = load_config_from_file(str(path))
    assert loaded.mixed_precision == "bf16"
    raw = yaml.safe_load(path.read_text())
    if "deepspeed_config" in raw:
        assert raw["deepspeed_config"]["zero_stage"] == int(path.stem[-1])


@pytest.mark.parametrize("profile", ["paper", "paper-1gpu"])
def test_rollouts_of_another_engine_are_compared_with_the_trainer_s(profile):
    given = load_profile(profile).budget("rl")
    assert given["use_vllm"] and given["parity_band"] > 0 and 0 < given["parity_stop"] < 1


def test_a_plan_knows_the_similarities_that_its_curriculum_follows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profile = load_profile("paper")
    file = profile.similarity_file()

    def plans():
        return {one: digest(settings(profile, Cell("sgg_anatomy", SIZES[0], one, 0))) for one in ("grpo-asc", "grpo")}

    missing = plans()
    file.parent.mkdir()
    file.write_text("one")
    first = plans()
    file.write_text("another")
    second = plans()
    assert len({missing["grpo-asc"], first["grpo-asc"], second["grpo-asc"]}) == 3
    assert missing["grpo"] == first["grpo"] == second["grpo"]
