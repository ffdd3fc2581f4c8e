"""Engines by name, and what is said when one cannot be opened."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import ENGINES
from anatomy_r1.evaluation.engines.engine import open_engine
from anatomy_r1.response_log.log import ResponseLog


@pytest.mark.parametrize("name", ENGINES)
def test_every_name_leads_to_a_model_that_lm_eval_knows(name):
    from lm_eval.api.registry import get_model

    module, _, kind = ENGINES[name].partition(":")
    assert getattr(import_module(module), kind) is get_model(f"anatomy-{name}")


def test_an_unknown_engine_is_refused_with_the_names():
    with pytest.raises(AnatomyR1Error, match=r"engine 'sglang': unknown\. Fix: one of transformers, vllm"):
        open_engine("sglang", Path("model"), benchmark="sgg_anatomy", log=None)


def test_an_unknown_argument_is_refused(model_folder):
    with pytest.raises(AnatomyR1Error, match="--block-size: the engine transformers has no such option"):
        open_engine("transformers", model_folder, benchmark="sgg_anatomy", log=None, block_size=16)


@pytest.mark.skipif(find_spec("vllm.v1") is not None if find_spec("vllm") else False, reason="vLLM is installed here")
def test_vllm_that_is_not_there_is_named_with_its_cure(model_folder, tmp_path):
    refused = pytest.raises(AnatomyR1Error, match=r"vLLM cannot be imported.*anatomy-r1\[gpu\]")
    with ResponseLog(tmp_path / "log.sqlite") as log, refused:
        open_engine("vllm", model_folder, benchmark="sgg_anatomy", log=log)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tensor_parallel_size=4", ("tensor_parallel_size", 4)),
        ("enforce_eager=true", ("enforce_eager", True)),
        ("quantization=fp8", ("quantization", "fp8")),
        ("url=http://x/?a=b", ("url", "http://x/?a=b")),
    ],
    ids=["number", "flag", "word", "a second equals sign"],
)
def test_engine_arguments_of_the_command_line(text, expected):
    from anatomy_r1.cli.evaluate import _engine_arg

    assert _engine_arg(text) == expected


@pytest.mark.parametrize("bits", [31, 62], ids=["a server", "vLLM"])
def test_a_response_s_seed_is_its_own_and_has_so_many_bits(bits):
    from dataclasses import replace

    from anatomy_r1.evaluation.engines.jobs import response_seed
    from anatomy_r1.response_log.response import ResponseKey

    key = ResponseKey("b", "q", 0, "sample", "p", "i", "w", "{}", 0)
    others = [replace(key, repeat=1), replace(key, question_id="r"), replace(key, benchmark="c"), replace(key, seed=1)]
    seeds = [response_seed(one, bits) for one in [key, *others]]
    assert len(set(seeds)) == 5
    assert all(0 <= seed < 2**bits for seed in seeds)
    assert max(seeds).bit_length() > bits - 6, "the top bits are used"
    assert response_seed(replace(key, weights="x", prompt_hash="y"), bits) == seeds[0], (
        "another method, the same numbers"
    )
