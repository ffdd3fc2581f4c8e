"""What is done for vLLM's rollouts of prompts with images, without vLLM; `tests/with_vllm` has the real one."""

from types import SimpleNamespace

import pytest

from baselines.trainers.vllm_rollouts import NEVER, ban_image_token, collapse_image_padding, for_vllm


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
