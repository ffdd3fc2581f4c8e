"""What trainers share and keep, with Qwen3-VL: deep image features, interleaved positions, and templates that think."""

import dataclasses

import pytest
import torch

from anatomy_r1.mini.tokenizer import build_tokenizer
from baselines.experiment.cell import GridRun, Layout
from baselines.trainers import shared_scores
from baselines.trainers.kept_inputs import KeptInputs
from tests.baselines.trainers import test_kept as kept
from tests.baselines.trainers import test_shared_prefix as shared
from tests.baselines.trainers.test_shared_rollouts import SIZE, drawn
from tests.helpers import qwen3_vl
from tests.helpers.double import make_double
from tests.helpers.recording import GROUP, hashed_reward, shift_weights, trainer_for
from tests.helpers.small_runs import linked
from tests.helpers.smoke import smoke_profile

pytestmark = pytest.mark.slow

CLOSE = 1e-10
"""Relative, in float64."""
METHODS = ("grpo", "gpg", "dapo", "papo", "grpo-asc", "grpo-gdqa", "grpo-gdqa-no-image")
TEMPLATES = pytest.mark.parametrize("thinking", [False, True], ids=["instruct", "thinking"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Whether it thinks -> folder of a Qwen3-VL."""
    return {one: qwen3_vl.stand_in(tmp_path_factory.mktemp("qwen3"), thinking=one) for one in (False, True)}


@pytest.fixture
def run_of(smoke_root, folders, tmp_path, monkeypatch):
    """A run of the smoke profile from a Qwen3-VL."""
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)

    def make(thinking=False, entry=None, **more):
        root = tmp_path / str(thinking)
        if not root.exists():
            linked(root, smoke_root, ("world", "data"))
            (root / "models").mkdir()
            (root / "models" / "mini-l").symlink_to(folders[thinking])
        profile = smoke_profile()
        changed = {"max_steps": 9, "own_steps": 9, "rollout_tokens": 0, **more}
        training = {**profile.training, "rl": {**profile.training["rl"], **changed}}
        models = {"mini-l": {**profile.models["mini-l"], **(entry or {})}}
        return GridRun(dataclasses.replace(profile, training=training, models=models), Layout(root), "smoke")

    return make


@pytest.fixture
def trainer(run_of, tmp_path_factory, monkeypatch):
    """Method -> trainer in float64 whose weights have moved since the reference."""
    make_double(monkeypatch)

    def make(method="grpo", thinking=False, entry=None, moved=True, **more):
        size = {"per_device_train_batch_size": 3 * GROUP, "temperature": 0.9, "beta": 0.1, "shared_prefix": True}
        made, _ = trainer_for(run_of(thinking, entry, **{**size, **more}), method, tmp_path_factory.mktemp("work"))
        if moved:
            shift_weights(made.model, 0.02)
        return made

    return make


@pytest.mark.parametrize("method", METHODS)
def test_loss_and_gradient_are_those_of_a_row_each(method, trainer, monkeypatch):
    made, whole = trainer(method), trainer(method, shared_prefix=False)
    packed, original, images = [], shared_scores.pack, []
    monkeypatch.setattr(shared_scores, "pack", lambda *given: packed.append(original(*given)) or packed[-1])
    batch = shared.batch_of(made)
    made.model.model.visual.register_forward_hook(
        lambda _, __, named, ___: images.append(len(named["grid_thw"])), with_kwargs=True
    )
    found = shared.learned(made, batch, True)
    shared.check_same(found, shared.learned(whole, batch, False))
    assert images == [3 * GROUP] if made.args.augment_image else max(images) <= 3
    assert bool(packed) != ("gdqa" in method)
    deep = {name: gradient for name, gradient in found[2].items() if "deepstack_merger_list" in name}
    assert len(deep) == 2 * 6 and all(gradient.any() for gradient in deep.values()), "deep features are learned from"


@pytest.mark.parametrize("case", shared.CASES, ids=lambda case: case)
def test_rows_of_every_kind(case, trainer):
    """Several images a prompt, images of several sizes, masked completions, groups of every size."""
    made, (prompts, lengths) = trainer(), shared.CASES[case]
    given = shared.written(made, prompts, lengths)
    found, usual = (shared.scored(made, given, one) for one in (True, False))
    if case.endswith("nothing to score"):
        assert not found[0].any() and not usual[0].any()
        return
    shared.check_same(found, usual)


def test_gradient_checkpointing_and_adapters(trainer):
    prompts, lengths = shared.CASES["groups of one, two and eight"]
    lora = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": shared.LAYERS}
    for entry in ({}, {"lora": lora}):
        made = trainer(entry=entry)
        given = shared.written(made, prompts, lengths)
        usual = shared.scored(made, given, False)
        inner = next(part for part in made.model.modules() if hasattr(part, "gradient_checkpointing_enable"))
        inner.gradient_checkpointing_enable({"use_reentrant": False})
        shared.check_same(shared.scored(made, given, True), usual)


@pytest.mark.parametrize("wrong", ["deep features", "positions"])
def test_a_planted_fault_is_seen(wrong, trainer, monkeypatch):
    """Deep features of another image, and positions without the image's two dimensions."""
    made = trainer()
    given = shared.written(made, [shared.ONE] * 2 + [(9, [(3, 3)], 4)] * 2, [4, 3, 2, 1])
    usual = shared.scored(made, given, False)
    if wrong == "positions":
        flat = lambda _, packed: torch.arange(packed.prompt.size(1)).expand(3, len(packed.prompt), -1)  # noqa: E731
        monkeypatch.setattr(shared_scores, "_prompt_positions", flat)
    else:
        inner = made.model.model
        every = inner.get_image_features

        def swapped(*arguments, **named):
            found = every(*arguments, **named)
            found.deepstack_features = [layer.flip(0) for layer in found.deepstack_features]
            return found

        monkeypatch.setattr(inner, "get_image_features", swapped)
    assert shared.off(shared.scored(made, given, True)[0], usual[0]) > 1e-6


@TEMPLATES
@pytest.mark.parametrize("budget", [1, 0], ids=["all fits", "nothing fits"])
def test_kept_inputs_are_what_the_processor_returns(budget, thinking):
    processor = qwen3_vl.build_processor(thinking=thinking)
    processor.tokenizer.padding_side = "left"
    made = KeptInputs(processor, budget)
    for rows in (kept.ROWS, kept.LATER, [*kept.LATER, *kept.ROWS]):
        for found, wanted in zip(kept.asked(made, rows), kept.asked(processor, rows), strict=True):
            assert found == wanted if isinstance(wanted, list) else not kept.same(found, wanted)


def test_kept_features_change_nothing(trainer):
    found = []
    for budget in (1, 0):
        made = trainer(entry={"frozen": ["model.visual"]}, moved=False, kept_features_mb=budget)
        calls = kept.towers(made)
        torch.manual_seed(0)
        kept.step(made)
        torch.manual_seed(1)
        found.append((kept.step(made, (1, 0)), calls))
    ((batch, loss, gradient), calls), ((wanted_batch, wanted_loss, wanted), _) = found
    assert {count for _, count in calls} == {1} and len(calls) == 2, (
        "each image once: policy and reference have one tower"
    )
    assert torch.equal(batch["completion_ids"], wanted_batch["completion_ids"])
    for one, other in ((loss, wanted_loss), *((gradient[name], wanted[name]) for name in wanted)):
        assert float((one - other).abs().max()) <= CLOSE * float(other.abs().max() + 1e-3)
    assert gradient.keys() == wanted.keys()


@TEMPLATES
@pytest.mark.parametrize("method", ["grpo", "grpo-gdqa"])
def test_shared_rollouts_at_a_temperature_near_zero_are_trl_s(method, thinking, run_of, tmp_path):
    said = []
    for together in (False, True):
        run = run_of(thinking, **{**SIZE, "temperature": 1e-6, "shared_rollouts": together})
        said.append(drawn(run, method, tmp_path / f"work-{together}"))
    assert said[0] == said[1]
    assert len({tuple(one) for one in said[0]}) > 1


def test_rewards_read_what_the_template_opened(run_of, tmp_path):
    """The Thinking models' template opens `<think>`: a completion continues it, and is scored with it."""
    tokenizer = build_tokenizer()
    said = tokenizer("blue </think> <answer> B </answer>")["input_ids"]
    for thinking in (False, True):
        made, _ = trainer_for(run_of(thinking), "grpo", tmp_path / f"work-{thinking}")
        (text,) = made._as_evaluated(["x"], [said])
        assert text.startswith("<think>") == thinking
        assert text.endswith("blue </think> <answer> B </answer>")
