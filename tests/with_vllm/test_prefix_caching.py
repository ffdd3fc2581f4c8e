"""vLLM's prefix cache with pictures: a group shares its prefill, other pictures share nothing, and no text changes."""

import os
from pathlib import Path

import pytest

from tests.with_vllm.conftest import OPTIONS

GROUP = 8
BLOCK = OPTIONS["block_size"]
BEFORE, PICTURE = "What anatomy is at the center of the frame ? " * 5, "<|vision_start|><|image_pad|><|vision_end|>"
"""The words that stand before the picture fill a block by themselves."""
PROMPT = BEFORE + PICTURE + " What is this ?" * 12
NEW_TOKENS = 16
COLOCATED = {
    "model_impl": "vllm",
    "seed": 0,
    "max_num_batched_tokens": 4096,
    "logprobs_mode": "processed_logprobs",
    "trust_remote_code": False,
}
"""What TRL 1.16.0 passes in colocate mode and a CPU can do (`VLLMGeneration._init_vllm`): nothing about prefixes."""


def picture(seed):
    import numpy as np
    from PIL import Image

    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 96, 3), dtype=np.uint8))


class Ours:
    """The evaluation engine's own calls."""

    def __init__(self, model):
        from anatomy_r1.evaluation.engines.vllm_engine import Vllm

        self.vllm, self.asked = Vllm(Path(model), "float32", OPTIONS), 0

    def group(self, seed):
        """Tokens of the prompt, and of each completion those from the cache and those generated."""
        from anatomy_r1.response_log.response import Sampling

        prompt = self.vllm.preprocess(PROMPT, [picture(seed)])
        names = [f"group-{self.asked}-{member}" for member in range(GROUP)]
        self.asked += 1
        for name in names:
            self.vllm.add_request(name, prompt, Sampling("greedy", 1.0, NEW_TOKENS), 0, frozenset())
        found = {}
        while len(found) < GROUP:
            found |= {one.name: one for one in self.vllm.step()}
        ones = [found[name] for name in names]
        return ones[0].prompt_tokens, [one.shared_tokens for one in ones], [one.tokens for one in ones]


class Colocated:
    """As TRL asks for a group's rows: each with tokens and a picture of its own."""

    def __init__(self, model, **options):
        import vllm

        from anatomy_r1.evaluation.engines.vllm_engine import ENVIRONMENT

        for name, value in ENVIRONMENT.items():  # in this process, as TRL has it
            os.environ.setdefault(name, value)
        self.llm = vllm.LLM(model=str(model), dtype="float32", **COLOCATED, **OPTIONS, **options)

    def group(self, seed):
        from vllm import SamplingParams

        tokens = self.llm.get_tokenizer()(PROMPT)["input_ids"]
        rows = [{"prompt_token_ids": tokens, "multi_modal_data": {"image": picture(seed)}} for _ in range(GROUP)]
        settings = SamplingParams(temperature=0.0, max_tokens=NEW_TOKENS, ignore_eos=True, detokenize=False)
        outputs = self.llm.generate(rows, sampling_params=settings, use_tqdm=False)
        prompt = len(outputs[0].prompt_token_ids)
        return prompt, [one.num_cached_tokens for one in outputs], [list(one.outputs[0].token_ids) for one in outputs]


@pytest.fixture(scope="module")
def without(babbling):
    """Tokens of two pictures' completions where nothing is cached."""
    uncached = Colocated(babbling, enable_prefix_caching=False)
    found = [uncached.group(seed) for seed in (901, 902)]
    assert not any(shared for _, cached, _ in found for shared in cached)
    return [tokens for _, _, tokens in found]


@pytest.mark.parametrize("engine", [Ours, Colocated])
def test_a_group_shares_its_prompt_and_picture_and_another_picture_only_the_words_before_it(engine, babbling, without):
    made = engine(babbling)
    length, cached, tokens = made.group(901)
    whole = (length - 1) // BLOCK * BLOCK  # the last token is computed: it predicts the first new one
    assert whole >= 3 * BLOCK, "a prompt of one block shows little"
    assert cached == [0, *[whole] * (GROUP - 1)]
    _, other_cached, other_tokens = made.group(902)
    words = words_before(babbling)
    assert words >= BLOCK
    assert other_cached == [words // BLOCK * BLOCK, *[whole] * (GROUP - 1)]
    _, again, _ = made.group(901)
    assert again == [whole] * GROUP
    assert [tokens, other_tokens] == without
    assert tokens == [tokens[0]] * GROUP
    assert tokens[0] != other_tokens[0], "a model that does not see the picture tests nothing"


def words_before(model):
    """Number of tokens before the picture's own."""
    from transformers import AutoTokenizer

    return len(AutoTokenizer.from_pretrained(model)(BEFORE + "<|vision_start|>")["input_ids"])
