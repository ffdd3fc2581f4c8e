"""Rollouts with one prefill a prompt and image: what TRL's own sampling says, and where they are refused."""

import dataclasses
import inspect

import pytest
import torch

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.plan import select
from baselines.experiment.profile import PROFILES, load_profile
from baselines.experiment.profile_file import Launch
from baselines.preflight.arguments import check_trainings
from baselines.stages.train import LOG_NAME, train
from tests.helpers.recording import BENCHMARK, GROUP, hashed_reward, shift_weights, trainer_for
from tests.helpers.small_runs import ignore
from tests.helpers.smoke import smoke_profile

pytestmark = pytest.mark.slow

SIZE = {"per_device_train_batch_size": 3 * GROUP, "max_steps": 9, "beta": 0.0}


@pytest.fixture(autouse=True)
def rewards(monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)


def drawn(run, method, folder, counts=None):
    """Completions of three groups, in order; `counts` gets the rows of each forward pass."""
    trainer, _ = trainer_for(run, method, folder)
    shift_weights(trainer.model, 0.1)  # or it would say one word again and again
    inner = trainer.model.model
    original = inner.forward

    def counted(*args, **named):
        counts.append(len(named["input_ids"]))
        return original(*args, **named)

    if counts is not None:
        inner.forward = counted
    torch.manual_seed(3)
    said, generate = [], trainer._generate

    def spy(prompts):
        found = generate(prompts)
        said.append(found[1])
        return found

    trainer._generate = spy
    rows = trainer.grouped([trainer.train_dataset[i] for i in range(3)])
    trainer.collect(trainer.vary(trainer.choose(rows)))
    return said[0]


@pytest.mark.parametrize("method", ["grpo", "grpo-gdqa"])
def test_at_a_temperature_near_zero_they_are_trl_s(method, smoke_run, with_budget, tmp_path):
    """GDQA's members differ in prompt length and image. Each completion is the most likely one."""
    found = []
    for shared in (False, True):
        run = with_budget(smoke_run, "rl", **SIZE, temperature=1e-6, shared_rollouts=shared)
        found.append(drawn(run, method, tmp_path / str(shared)))
    assert found[0] == found[1]
    assert len({tuple(one) for one in found[0]}) > 1


def test_a_group_shares_its_prefill_and_its_members_differ(smoke_run, with_budget, tmp_path):
    counts = {shared: [] for shared in (False, True)}
    for shared, own in counts.items():
        run = with_budget(smoke_run, "rl", **SIZE, shared_rollouts=shared)
        said = drawn(run, "grpo", tmp_path / str(shared), own)
        assert len({tuple(one) for one in said[:GROUP]}) > 1
    assert counts[False][0] == 3 * GROUP
    assert counts[True][0] == 3
    assert counts[True][1] == 3 * GROUP


def test_frequencies_are_the_model_s(smoke_run, with_budget, tmp_path):
    """First tokens of 2,048 completions against the softmax without what is suppressed; another temperature shows."""
    many = {"per_device_train_batch_size": 2048, "num_generations": 2048, "max_completion_length": 1}
    run = with_budget(smoke_run, "rl", **{**SIZE, **many}, temperature=0.4, shared_rollouts=True)
    trainer, _ = trainer_for(run, "grpo", tmp_path / "work")
    trainer.generation_kwargs["suppress_tokens"] = banned = [3, 52]
    prompt, images, fields = tokenized(trainer, 2048)
    torch.manual_seed(0)
    (tokens, none) = trainer._generate_single_turn(prompt, images, fields, 2048)
    assert none is None
    ids = torch.tensor(prompt[:1])
    shown = {k: torch.as_tensor(v[:1] if k == "mm_token_type_ids" else v[: len(v) // 2048]) for k, v in fields.items()}
    with torch.no_grad():
        logits = trainer.model(input_ids=ids, attention_mask=torch.ones_like(ids), **shown).logits[0, -1]
    expected = (logits.double() / 0.4).index_fill(0, torch.tensor(banned), -torch.inf).softmax(-1)
    assert not {one[0] for one in tokens} & set(banned)
    drawn_first = torch.tensor([one[0] for one in tokens])
    entropy = -(expected * expected.clamp(min=1e-300).log()).sum()
    surprise = -expected[drawn_first].log()
    assert abs(float((surprise.mean() - entropy) / (surprise.std() / 2048**0.5))) < 4
    likely = expected.argsort()[-5:]
    seen = (drawn_first[:, None] == likely).double().mean(0)
    assert ((seen - expected[likely]).abs() < 4 * (expected[likely] / 2048).sqrt()).all()
    other = logits.double().softmax(-1)[likely]  # at temperature 1
    assert ((other - expected[likely]).abs() > 8 * (expected[likely] / 2048).sqrt()).any()


def tokenized(trainer, count):
    row = trainer.train_dataset[0]
    content = [{"type": "image", "image": row["image"]}, {"type": "text", "text": row["prompt"][-1]["content"]}]
    return trainer._tokenize_prompts([[{"role": "user", "content": content}]] * count)


@pytest.mark.slow
def test_a_training_with_both_kinds_of_sharing_resumes_bitwise(smoke_run, with_budget, tmp_path):
    changes = {"max_steps": 4, "save_steps": 2, "learning_rate": 1e-3, "warmup_steps": 1, "beta": 0.1}
    run = with_budget(smoke_run, "rl", **changes, shared_prefix=True, shared_rollouts=True)
    cell = Cell(BENCHMARK, "mini-l", "grpo", 0)

    def cut(done, total):
        if done == 3:
            raise InterruptedError

    whole = train(run, cell, ignore)
    whole = whole.rename(tmp_path / "whole")
    with pytest.raises(InterruptedError):
        train(run, cell, cut)
    again = train(run, cell, ignore)
    assert read(again / LOG_NAME, "events")["kind"].tolist() == ["start", "resume", "end"]
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert read(again / LOG_NAME, "rollouts").equals(read(whole / LOG_NAME, "rollouts"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"top_k": 50}, "top_k: shared_rollouts samples by temperature alone: write 0"),
        ({"top_p": 0.9}, "top_p: shared_rollouts"),
        ({"generation_kwargs": {"suppress_tokens": [3], "do_sample": False}}, "generation_kwargs: shared_rollouts"),
        ({"use_vllm": True}, "use_vllm: vLLM caches prefixes itself"),
    ],
)
def test_settings_that_they_lack_are_refused(change, told):
    from baselines.experiment.cell import arguments
    from baselines.methods.registry import find_method
    from baselines.trainers.arguments import ArgumentError, build_arguments

    given = {**arguments(smoke_profile(), find_method("grpo"), 0), "output_dir": "x", "report_to": "none"}
    build_arguments("rl", {**given, "shared_rollouts": True}, 0, 1)
    with pytest.raises(ArgumentError, match=told):
        build_arguments("rl", {**given, "shared_rollouts": True, **change}, 0, 1)


@pytest.mark.parametrize("key", [{"shared_rollouts": True}, {"kept_features_mb": 64}], ids=str)
def test_sharded_weights_do_not_pass_the_plan(key):
    profile = load_profile("paper")
    unused = {"vllm_enable_sleep_mode": False, "parity_band": 0.0, "parity_stop": 0.0}
    rl = {**profile.training["rl"], **unused, **key, "use_vllm": False}
    for launcher, told in (("zero3", "zero3 shards them"), ("zero2", "")):
        training = {**profile.training, "rl": rl}
        changed = dataclasses.replace(profile, training=training, launch=Launch(4, launcher))
        run = GridRun(changed, Layout(PROFILES), "paper")
        if told:
            with pytest.raises(AnatomyR1Error, match=told):
                check_trainings(run, select(changed))
        else:
            check_trainings(run, select(changed))


def test_trl_has_what_they_rely_on():
    from trl import GRPOTrainer
    from trl.models import unwrap_model_for_generation

    source = inspect.getsource(GRPOTrainer._generate_single_turn)
    assert "return completion_ids, logprobs" in source
    assert "logprobs = None  # not used in this case" in source
    assert list(inspect.signature(GRPOTrainer._generate_single_turn).parameters)[3] == "multimodal_fields"
    named = inspect.signature(unwrap_model_for_generation).parameters
    made = inspect.getsource(GRPOTrainer.__init__)
    assert 'generation_kwargs["suppress_tokens"] = [model.config.image_token_id]' in made
    assert "self.generation_kwargs = generation_kwargs" in made
    assert {"gather_deepspeed3_params", "gradient_checkpointing_kwargs"} < {*named}
