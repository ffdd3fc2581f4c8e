"""What is done for vLLM's rollouts of prompts with images, without vLLM; `tests/with_vllm` has the real one."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from baselines.trainers.vllm_rollouts import (
    NEVER,
    PROMPT_ROOM,
    ban_image_token,
    bound_context,
    collapse_image_padding,
    for_vllm,
    require_gradients,
    seed_sampler,
)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], []),
        ([9, 9, 9], [9]),
        ([1, 9, 9, 2, 9, 3], [1, 9, 2, 9, 3]),
        ([1, 1, 2, 2], [1, 1, 2, 2]),
    ],
    ids=["nothing", "one image", "two images of different size", "other tokens may repeat"],
)
def test_an_image_s_tokens_become_one(tokens, expected):
    assert collapse_image_padding(tokens, pad=9) == expected


def trainer_with(mode, done, *, first=True, loaded=0):
    def answer(status):
        return SimpleNamespace(raise_for_status=lambda: done.append(status))

    client = SimpleNamespace(base_url="http://here", session=SimpleNamespace(post=answer))
    engine = SimpleNamespace(reset_encoder_cache=lambda: done.append("engine"))
    generation = SimpleNamespace(mode=mode, llm=SimpleNamespace(llm_engine=engine), vllm_client=client)
    return SimpleNamespace(
        vllm_mode=mode,
        vllm_generation=generation,
        accelerator=SimpleNamespace(is_main_process=first),
        state=SimpleNamespace(global_step=1),
        _last_loaded_step=loaded,
    )


@pytest.mark.parametrize(
    ("mode", "first", "prompt", "emptied"),
    [
        ("colocate", True, [1, 9, 2], ["engine"]),
        ("colocate", False, [1, 9, 2], ["engine"]),
        ("server", True, [1, 9, 9, 2], ["http://here/reset_encoder_cache"]),
        ("server", False, [1, 9, 9, 2], []),
    ],
)
def test_features_of_images_are_forgotten_once_a_policy_where_they_are_kept(mode, first, prompt, emptied):
    done = []
    assert for_vllm(trainer_with(mode, done, first=first), [[1, 9, 9, 2]], 9) == [prompt]
    assert done == emptied
    assert for_vllm(trainer_with(mode, done, first=first, loaded=1), [[1, 9, 9, 2]], 9) == [prompt]
    assert done == emptied, "the policy is the one that vLLM has"


def test_the_image_token_is_banned_and_a_profile_s_settings_stay():
    generation = SimpleNamespace(generation_kwargs={"seed": 3, "logit_bias": {7: 1.5}})
    ban_image_token(generation, 9)
    assert generation.generation_kwargs == {"seed": 3, "logit_bias": {7: 1.5, 9: NEVER}}


def test_the_trainer_asks_for_it_only_with_vllm(smoke_run, tmp_path, monkeypatch):
    from trl import GRPOTrainer

    from tests.helpers.recording import trainer_for

    trainer, log = trainer_for(smoke_run, "grpo", tmp_path / "work")
    pad = trainer._image_pad_token_id
    seen, done = [], []
    monkeypatch.setattr(GRPOTrainer, "_generate_single_turn", lambda self, ids, images, *rest: seen.append(ids))
    fake = trainer_with("colocate", done)
    trainer.vllm_generation, trainer._last_loaded_step = fake.vllm_generation, -1
    for trainer.use_vllm in (True, False):
        trainer._generate_single_turn([[1, pad, pad, 2]], None, {}, 8)
    log.close(0)
    assert seen == [[[1, pad, 2]], [[1, pad, pad, 2]]]
    assert done == ["engine"]


def of_context(positions):
    text = SimpleNamespace(max_position_embeddings=positions)
    return SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: text))


@pytest.mark.parametrize(
    ("use_vllm", "stated", "positions", "expected"),
    [
        (True, None, 262_144, PROMPT_ROOM + 512),
        (True, None, 1024, 1024),
        (True, 2048, 262_144, 2048),
        (False, None, 262_144, None),
    ],
    ids=["the model's is too long", "the model's is short", "the profile states it", "no vLLM"],
)
def test_vllm_is_told_the_longest_request(use_vllm, stated, positions, expected):
    args = SimpleNamespace(use_vllm=use_vllm, vllm_max_model_length=stated, max_completion_length=512)
    bound_context(args, of_context(positions))
    assert args.vllm_max_model_length == expected


class FakeEngine:
    """In vLLM's place within TRL's trainer: it seeds the process as vLLM's worker does."""

    def __init__(self, *, max_model_length, generation_kwargs, **_):
        import torch

        torch.manual_seed(0)
        self.max_model_length, self.generation_kwargs = max_model_length, generation_kwargs or {}


def test_a_training_tells_vllm_its_length_and_samples_by_its_own_seed(smoke_run, with_budget, tmp_path, monkeypatch):
    import torch
    import trl.trainer.grpo_trainer as trl_grpo

    from baselines.experiment.cell import Cell
    from baselines.stages.train import build
    from tests.helpers.small_runs import ignore

    monkeypatch.setattr(trl_grpo, "VLLMGeneration", FakeEngine)
    drawn, budget = [], {"use_vllm": True, "shared_rollouts": False}
    for seed in (0, 1, 1):
        cell, run = Cell("sgg_anatomy_mini", "mini-l", "grpo", seed), with_budget(smoke_run, "rl", **budget)
        trainer, log, _ = build(run, cell, tmp_path / f"work{len(drawn)}", ignore)
        drawn.append(torch.rand(1).item())
        log.close(0)
    assert drawn[0] != drawn[1] == drawn[2]
    assert trainer.vllm_generation.max_model_length == 1024, "the tiny model's own"


def test_processes_that_share_an_engine_draw_alike():
    import torch

    args, drawn = SimpleNamespace(seed=3, vllm_tensor_parallel_size=2), []
    for process in range(4):
        seed_sampler(args, process)
        drawn.append(torch.rand(1).item())
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3]


REPLACED = """
import torch
from anatomy_r1.errors import AnatomyR1Error
from baselines.trainers.vllm_rollouts import require_gradients
own = lambda given, weight, bias=None: (given[:, None] * weight).sum(-1)
library = torch.library.Library("aten", "IMPL")
library.impl("aten::linear", own, "CPU")
try:
    require_gradients(torch.device("cpu"))
except AnatomyR1Error as error:
    print(error)
"""
"""As vLLM's batch invariance does for CUDA; in a process of its own, since it holds for all that follows."""


@pytest.mark.slow
def test_a_linear_layer_that_lost_its_gradient_is_told_before_the_first_rollout():
    require_gradients(torch.device("cpu"))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", REPLACED], capture_output=True, text=True, check=True)
    assert "without a gradient (Could not run 'aten::linear_backward'" in done.stdout
    assert "Fix: without `deterministic: true`" in done.stdout
