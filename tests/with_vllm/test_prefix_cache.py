"""vLLM's prefix cache and pictures: what is equal is read once, and another picture is never taken for the first."""

import pytest

from tests.with_vllm.conftest import OPTIONS

BLOCK = OPTIONS["block_size"]
WORDS = "What is this ? " * 12
"""More than a block of tokens."""


@pytest.fixture
def ask(babbling, tmp_path):
    """Picture's seed, words before and after it -> one greedy response."""
    import numpy as np
    from PIL import Image

    from anatomy_r1.evaluation.engines.vllm_engine import VllmEngine
    from anatomy_r1.response_log.log import ResponseLog
    from anatomy_r1.response_log.response import Sampling

    with ResponseLog(tmp_path / "log") as log:
        engine = VllmEngine(babbling, log=log, progress=False, **OPTIONS)

        def one(seed, before="", after=WORDS):
            pixels = np.random.default_rng(seed).integers(0, 256, (56, 56, 3), dtype=np.uint8)
            parts = [{"type": "text", "text": before}, {"type": "image"}, {"type": "text", "text": after}]
            chat = [{"role": "user", "content": parts if before else parts[1:]}]
            prompt = engine.processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
            read = engine.vllm.preprocess(prompt, [Image.fromarray(pixels)])
            engine.vllm.add_request(f"{seed}", read, Sampling("greedy", 0.0, 12), 0, frozenset())
            while not (found := engine.vllm.step()):
                pass
            return found[0]

        engine.vllm._llm.reset_prefix_cache()
        one.forget = engine.vllm._llm.reset_prefix_cache
        yield one


def test_only_the_same_picture_and_prompt_hit_the_cache(ask):
    asked = [ask(picture) for picture in (1, 1, 2, 2, 1)]
    whole = (asked[0].prompt_tokens - 1) // BLOCK * BLOCK  # the last token is always computed
    assert whole >= 2 * BLOCK
    assert [one.shared_tokens for one in asked] == [0, whole, 0, whole, whole]
    said = [one.tokens for one in asked]
    assert said[0] == said[1] == said[4] and said[2] == said[3] != said[0]
    ask.forget()
    alone = ask(2)
    assert alone.shared_tokens == 0 and alone.tokens == said[2]


def test_another_picture_shares_the_text_before_it_alone(ask):
    first, second = (ask(picture, before=WORDS) for picture in (1, 2))
    assert (first.shared_tokens, second.shared_tokens) == (0, BLOCK)
    ask.forget()
    alone = ask(2, before=WORDS)
    assert alone.shared_tokens == 0 and alone.tokens == second.tokens != first.tokens


def test_it_is_on_where_nothing_is_stated(babbling):
    """As TRL starts vLLM for rollouts (tests/baselines/trainers/test_trl_shape.py)."""
    from vllm import EngineArgs

    config = EngineArgs(model=str(babbling), enforce_eager=True, max_model_len=256).create_engine_config()
    assert config.cache_config.enable_prefix_caching is True
