"""Inputs and features kept over steps: what is kept, what is evicted, and that nothing else changes."""

import copy
import dataclasses
import gc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini import architecture
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell
from baselines.stages.train import LOG_NAME, train
from baselines.trainers import kept_features
from baselines.trainers.kept import Kept
from baselines.trainers.kept_features import fingerprint, frozen, same_tower
from baselines.trainers.kept_inputs import CALLS, KeptImages, KeptInputs, RowsOnce, image_key, one_object_each
from tests.helpers.double import make_double
from tests.helpers.recording import BENCHMARK, GROUP, hashed_reward, trainer_for
from tests.helpers.small_runs import ignore

pytestmark = pytest.mark.slow


def image(seed, size=(56, 56)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


# The store


def test_the_least_recently_used_goes_first():
    kept = Kept[str](10)
    for key in "abc":
        kept.put(key, key, 3)
    assert kept.get("a") == "a"
    kept.put("d", "d", 3)
    assert [kept.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    assert kept.size == 9


def test_a_value_beyond_the_whole_budget_evicts_nothing():
    kept = Kept[str](10)
    kept.put("a", "a", 9)
    kept.put("b", "b", 11)
    assert (kept.get("a"), kept.get("b"), kept.size) == ("a", None, 9)


def test_a_value_put_again_counts_once():
    kept = Kept[str](10)
    kept.put("a", "old", 6)
    kept.put("a", "new", 4)
    assert (kept.get("a"), kept.size, len(kept)) == ("new", 4, 1)


# Inputs


@pytest.fixture(scope="module")
def processor():
    made = architecture.build_processor()
    made.tokenizer.padding_side = "left"
    return made


def asked(processor, prompts):
    """What TRL asks of a processor in a step, for (text, image) of each row."""
    chats = [
        [{"role": "user", "content": [{"type": "image", "image": one}, {"type": "text", "text": text}]}]
        for text, one in prompts
    ]
    to_sample = processor.apply_chat_template(
        conversation=copy.deepcopy(chats),
        tools=None,
        chat_template=None,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
    )
    how = {"tools": None, "continue_final_message": False, "tokenize": False, "add_generation_prompt": True}
    texts = [processor.apply_chat_template(chat, **how) for chat in chats]
    to_score = processor(images=[[one] for _, one in prompts], text=texts, padding=True, return_tensors="pt")
    return to_sample, texts, to_score


def same(one, other):
    """Equal in type, size and every bit."""
    assert {*one} == {*other}
    for name, value in other.items():
        if isinstance(value, torch.Tensor):
            assert one[name].dtype == value.dtype and torch.equal(one[name], value), name
        else:
            assert one[name] == value, name


WIDE = (70, 100)
ROWS = [("what is it", image(0)), ("which organ is this one", image(1)), ("what is it", image(0))]
LATER = [("what is it", image(1)), ("where is it", image(2, WIDE)), ("which organ is this one", image(1))]


@pytest.mark.parametrize("budget", [1, 0], ids=["all fits", "nothing fits"])
def test_the_trainer_gets_what_the_processor_returns(budget, processor):
    """Text new and image known, image new and text known, both known; images of two sizes; prompts of two lengths."""
    kept = KeptInputs(processor, budget)
    for rows in (ROWS, LATER, ROWS, [*LATER, *ROWS]):
        for found, wanted in zip(asked(kept, rows), asked(processor, rows), strict=True):
            if isinstance(wanted, list):
                assert found == wanted
            else:
                same(found, wanted)
    assert kept.kept.size <= kept.kept.budget


@pytest.mark.parametrize("before", [(), (0,), (1,)], ids=["new", "with images known", "without known"])
@pytest.mark.parametrize("how", CALLS, ids=["to sample", "to score"])
def test_rows_with_and_without_images_in_one_batch(before, how, processor):
    """The processor refuses a call whose rows all lack images; what is left of a batch may be such a call."""
    rows = [([image(0)], "what is it"), ([], "where is it"), ([image(1), image(0)], "which is it"), ([], "what")]

    def read(by, places):
        shown = [[{"type": "image"}] * len(rows[i][0]) + [{"type": "text", "text": rows[i][1]}] for i in places]
        texts = [by.apply_chat_template([{"role": "user", "content": one}], tokenize=False) for one in shown]
        return by(images=[rows[i][0] for i in places], text=texts, **how)

    kept = KeptInputs(processor, 1)
    for places in ([*before, 0], range(4), [3, 2, 1, 0], [1, 0]):
        same(read(kept, places), read(processor, places))


@pytest.mark.parametrize("images", [[[], []], [None, None]], ids=["empty", "none"])
def test_a_batch_without_images_is_the_processor_s(images, processor):
    """It fails as the processor's own does; TRL passes no images instead, which works."""
    kept, texts = KeptInputs(processor, 1), ["what is it", "where"]
    for by in (processor, kept):
        with pytest.raises((IndexError, TypeError)):
            by(images=images, text=texts)
    same(kept(images=None, text=texts), processor(images=None, text=texts))
    chats = [[{"role": "user", "content": [{"type": "text", "text": text}]}] for text in texts]
    how = {"add_generation_prompt": True, "tokenize": True, "return_dict": True}
    same(kept.apply_chat_template(chats, **how), processor.apply_chat_template(chats, **how))


def test_each_image_and_prompt_is_processed_once(processor, monkeypatch):
    images, texts = [], []
    own, tokenizer = processor.image_processor.preprocess, processor.tokenizer

    def seen(given, **options):
        images.extend(given)
        return own(given, **options)

    def said(given, **options):
        texts.extend(given)
        return tokenizer(given, **options)

    for name in ("init_kwargs", "convert_tokens_to_ids", "special_tokens_map"):
        setattr(said, name, getattr(tokenizer, name))
    kept = KeptInputs(processor, 1)
    kept._with_kept_images.tokenizer = said
    monkeypatch.setattr(processor.image_processor, "preprocess", seen)
    asked(kept, ROWS * 4)
    asked(kept, ROWS * 4)
    assert (len(images), len(texts)) == (2, 2)
    asked(kept, LATER)
    assert (len(images), len(texts)) == (3, 4)


def test_a_pixel_and_a_letter_make_another_key(processor):
    one = image(0)
    other = one.copy()
    other.putpixel((55, 55), tuple(255 - value for value in one.getpixel((55, 55))))
    assert image_key(one) == image_key(one.copy()) != image_key(other)
    assert image_key(one) != image_key(one.resize((28, 112)))
    assert image_key(one.quantize(8)) != image_key(one.quantize(8))  # a palette is no pixel
    kept = KeptInputs(processor, 1)
    found = asked(kept, [("what is it", one), ("what is it", other)])[2]["pixel_values"]
    assert not torch.equal(*found.chunk(2))


def test_what_is_returned_is_no_part_of_what_is_kept(processor):
    kept = KeptInputs(processor, 1)
    first, _, scored = asked(kept, ROWS[:1])
    first["input_ids"][0].append(7)
    scored["pixel_values"].zero_()
    for found, wanted in zip(asked(kept, ROWS[:1]), asked(processor, ROWS[:1]), strict=True):
        assert found == wanted if isinstance(wanted, list) else not same(found, wanted)


def test_other_calls_go_to_the_processor(processor):
    kept = KeptInputs(processor, 1)
    text, one = "<|vision_start|><|image_pad|><|vision_end|> what", image(0)
    for given in ({"text": ["what is it"]}, {"text": [text], "images": [[one]], "padding": "max_length"}):
        same(kept(**given), processor(**given))
    assert len(kept.kept) == 0
    assert kept.tokenizer is processor.tokenizer


def test_a_processor_that_is_not_known_to_work_is_refused():
    with pytest.raises(
        AnatomyR1Error, match=r"kept_inputs_mb is known to work with .*, not with SimpleNamespace\. Fix"
    ):
        KeptInputs(SimpleNamespace(), 1)


def test_rows_are_read_once_and_images_are_one_object():
    class Rows(list):
        read = ()

        def __getitems__(self, indices):
            self.read += tuple(indices)
            return [self[i] for i in indices]

    rows = Rows([{"image": image(0)}, {"image": image(1)}, {"image": image(0)}])
    found = RowsOnce(rows).__getitems__([1, 1, 0, 2, 0])
    assert rows.read == (1, 0, 2) and len(RowsOnce(rows)) == 3
    assert all(one is rows[i] for one, i in zip(found, (1, 1, 0, 2, 0), strict=True))
    merged = one_object_each(found)
    assert merged[2]["image"] is merged[3]["image"] and merged[0]["image"] is not merged[2]["image"]


SIZE = {"max_steps": 3, "learning_rate": 1e-3, "warmup_steps": 0, "beta": 0.1, "save_strategy": "no"}
METHODS = ("grpo", "gpg", "dapo", "grpo-asc", "grpo-gdqa", "papo")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_weights_and_log_are_the_same_bytes(method, smoke_run, with_budget, monkeypatch):
    """Every second method with what a group shares, too."""
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    asked_for, patches = [], KeptImages.patches
    monkeypatch.setattr(KeptImages, "patches", lambda *given: asked_for.append(given[1]) or patches(*given))
    shared = bool(METHODS.index(method) % 2)
    ends = []
    for budget in (0, 1):
        run = with_budget(smoke_run, "rl", **SIZE, shared_prefix=shared, shared_rollouts=shared, kept_inputs_mb=budget)
        out = train(run, Cell(BENCHMARK, "mini-l", method, 0), ignore)
        steps = read(out / LOG_NAME, "steps").drop(columns="seconds")
        ends.append(((out / "model.safetensors").read_bytes(), steps, read(out / LOG_NAME, "rollouts")))
        out.rename(out.with_name(str(budget)))
        assert bool(asked_for) == bool(budget)
    assert ends[0][0] == ends[1][0]
    assert ends[0][1].equals(ends[1][1]) and ends[0][2].equals(ends[1][2])
    assert ends[0][1]["grad_norm"].max() > 0


# Features

LANGUAGE = r".*language_model\.layers\.\d+\.(self_attn|mlp)\.(q|k|v|o|gate|up|down)_proj"
EVERYWHERE = (
    r".*(language_model\.layers|visual\.blocks)\.\d+\.(self_attn|attn|mlp)\.(q|k|v|o|gate|up|down|qkv)_?(proj)?"
)


@pytest.fixture
def trainer(smoke_run, with_budget, tmp_path_factory, monkeypatch):
    """(method, model entry) -> trainer."""
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)

    def make(method="grpo", precise=False, entry=None, **more):
        size = {"per_device_train_batch_size": 2 * GROUP, "beta": 0.1, "max_steps": 9, "kept_features_mb": 1}
        run = with_budget(smoke_run, "rl", **{**size, **more})
        models = {"mini-l": {**run.profile.models["mini-l"], **(entry or {"frozen": ["model.visual"]})}}
        run = dataclasses.replace(run, profile=dataclasses.replace(run.profile, models=models))
        made, _ = trainer_for(run, method, tmp_path_factory.mktemp("work"), precise=precise)
        return made

    return make


def towers(trainer):
    """Calls of the vision tower of each model: how many images each had."""
    calls = []
    for name in ("model", "ref_model"):
        model = getattr(trainer, name)
        if model is not None:
            tower = next(part.visual for part in model.modules() if hasattr(part, "get_rope_index"))
            hook = lambda _, __, named, name=name: calls.append((name, len(named["grid_thw"])))  # noqa: E731
            tower.register_forward_pre_hook(hook, with_kwargs=True)
    return calls


def step(trainer, questions=(0, 1)):
    rows = trainer.grouped([trainer.train_dataset[i] for i in questions])
    batch = trainer.collect(trainer.vary(trainer.choose(rows)))
    loss = trainer._compute_loss(trainer.model, batch)
    trainer.model.zero_grad()
    loss.backward()
    return batch, loss.detach(), {n: w.grad for n, w in trainer.model.named_parameters() if w.grad is not None}


@pytest.mark.parametrize("shared", [False, True], ids=["TRL's path", "shared"])
def test_a_frozen_tower_runs_once_an_image(shared, trainer):
    """Rollouts in inference mode, then the reference, then the policy with a gradient; then the next step."""
    made = trainer(shared_prefix=shared, shared_rollouts=shared)
    calls = towers(made)
    _, _, gradients = step(made)
    assert calls == [("model", 1)] * 2  # policy and reference have one tower
    assert gradients and not any("visual" in name for name in gradients)
    step(made, (1, 2))
    assert len(calls) == 3


@pytest.mark.slow
def test_noisy_images_have_features_of_their_own(trainer):
    made = trainer("grpo-gdqa")
    calls = towers(made)
    step(made)
    assert calls == [("model", 1)] * (2 * GROUP)
    made.state.global_step = 1
    step(made)
    assert len(calls) == 2 * GROUP + 2 * (GROUP - 1)  # the first member keeps the original


@pytest.mark.slow
def test_log_probabilities_and_gradient_are_those_without(trainer, monkeypatch):
    make_double(monkeypatch)
    found = []
    for budget in (1, 0):
        made = trainer(precise=True, kept_features_mb=budget)
        torch.manual_seed(0)
        step(made)
        torch.manual_seed(1)
        found.append((made, *step(made)))
    (_, batch, loss, gradient), (_, wanted_batch, wanted_loss, wanted) = found
    assert torch.equal(batch["completion_ids"], wanted_batch["completion_ids"])
    reference = batch["ref_per_token_logps"], wanted_batch["ref_per_token_logps"]
    for one, other in (reference, (loss, wanted_loss), *((gradient[name], wanted[name]) for name in wanted)):
        assert float((one - other).abs().max()) <= 1e-10 * float(other.abs().max() + 1e-3)
    assert gradient.keys() == wanted.keys()


def test_a_trained_tower_keeps_only_the_reference_s(trainer):
    with pytest.warns(UserWarning, match="vision tower is trained, so only the reference's features are kept"):
        made = trainer(entry={"frozen": []})
    calls = towers(made)
    _, _, gradients = step(made)
    assert sum(count for name, count in calls if name == "ref_model") == 2
    assert sum(count for name, count in calls if name == "model") == 2 * 2 * GROUP
    assert any("visual" in name for name in gradients)
    step(made)
    assert sum(count for name, count in calls if name == "ref_model") == 2


def test_without_reference_a_trained_tower_keeps_nothing(trainer):
    with pytest.warns(UserWarning, match="vision tower is trained, so no features are kept"):
        made = trainer(entry={"frozen": []}, beta=0.0)
    calls = towers(made)
    step(made)
    assert sum(count for _, count in calls) == 2 * 2 * GROUP


def test_a_reference_alone_keeps_no_noisy_images(trainer):
    """It reads each once, and one by one takes longer than together."""
    with pytest.warns(UserWarning, match="vision tower is trained and images have noise, so no features are kept"):
        made = trainer("grpo-gdqa", entry={"frozen": []})
    calls = towers(made)
    step(made)
    assert [count for name, count in calls if name == "ref_model"] == [2 * GROUP]


def test_a_reference_that_follows_the_policy_keeps_nothing(trainer):
    with pytest.warns(UserWarning, match="no features are kept"):
        made = trainer(entry={"frozen": []}, sync_ref_model=True)
    calls = towers(made)
    step(made)
    assert sum(count for name, count in calls if name == "ref_model") == 2 * GROUP


@pytest.mark.parametrize("where", [LANGUAGE, EVERYWHERE], ids=["language", "tower too"])
def test_adapters(where, trainer, recwarn):
    """The reference is the policy without adapters, so adapters in the tower leave nothing fixed."""
    lora = {"r": 2, "lora_alpha": 4, "lora_dropout": 0.0, "target_modules": where}
    made = trainer(entry={"lora": lora})
    touched = any("visual" in name for name, w in made.model.named_parameters() if w.requires_grad)
    assert touched == (where == EVERYWHERE) != frozen(made.model)
    assert any("no features are kept" in str(one.message) for one in recwarn) == touched
    calls = towers(made)
    step(made)
    assert sum(count for _, count in calls) == (3 * 2 * GROUP if touched else 2)


def test_a_budget_too_small_for_an_image_computes_it_anew(trainer, monkeypatch):
    monkeypatch.setattr(kept_features, "MEGABYTE", 1)
    made = trainer()
    calls = towers(made)
    step(made)
    assert sorted(calls) == [("model", 1)] * 4 + [("ref_model", 1)] * 2  # to sample, to learn; the reference


def test_towers_of_other_weights_share_nothing(trainer):
    made = trainer()
    assert same_tower(made.model, made.ref_model)
    with torch.no_grad():
        next(made.ref_model.model.visual.parameters()).flatten()[0] += 1
    assert not same_tower(made.model, made.ref_model)


def test_autocast_is_part_of_a_key(trainer):
    made = trainer()
    calls = towers(made)
    inner = made.model.model
    pixels, grid = torch.randn(16, 1176), torch.tensor([[1, 4, 4]])
    plain = inner.get_image_features(pixels, grid).pooler_output[0]
    with torch.autocast("cpu", torch.bfloat16):
        cast = inner.get_image_features(pixels, grid).pooler_output[0]
        inner.get_image_features(pixels, grid)
    assert len(calls) == 2 and not torch.equal(plain, cast)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_fingerprint_is_of_every_bit(dtype):
    pixels = torch.randn(16, 12).to(dtype)
    found = {fingerprint(pixels), fingerprint(pixels.clone())}
    assert len(found) == 1
    for row, column in ((0, 0), (15, 11), (7, 3)):
        other = pixels.clone()
        other[row, column] *= -1
        found.add(fingerprint(other))
    found |= {fingerprint(pixels.flip(0)), fingerprint(pixels.flip(1)), fingerprint(pixels[:8])}
    assert len(found) == 7


def test_sharded_weights_are_refused(trainer):
    made = trainer()
    made.is_fsdp_enabled = True
    with pytest.raises(AnatomyR1Error, match=r"kept_features_mb needs whole weights .*Fix: kept_features_mb: 0"):
        kept_features.keep_features(made)


@pytest.mark.slow
def test_a_training_that_keeps_resumes_bitwise(smoke_run, with_budget, tmp_path):
    """What was kept is lost in between; an image's features depend on no other image."""
    changes = {"max_steps": 4, "save_steps": 2, "learning_rate": 1e-3, "warmup_steps": 1, "beta": 0.1}
    run = with_budget(smoke_run, "rl", **changes, kept_inputs_mb=1, kept_features_mb=1)
    models = {"mini-l": {**run.profile.models["mini-l"], "frozen": ["model.visual"]}}
    run = dataclasses.replace(run, profile=dataclasses.replace(run.profile, models=models))
    cell = Cell(BENCHMARK, "mini-l", "grpo-gdqa", 0)

    def cut(done, total):
        if done == 3:
            raise InterruptedError

    whole = train(run, cell, ignore)
    whole = whole.rename(tmp_path / "whole")
    with pytest.raises(InterruptedError):
        train(run, cell, cut)
    gc.collect()  # a killed process has closed its log
    again = train(run, cell, ignore)
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert read(again / LOG_NAME, "rollouts").equals(read(whole / LOG_NAME, "rollouts"))
