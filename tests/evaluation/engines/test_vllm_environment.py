"""What is set before vLLM loads a model; vLLM itself is a stand-in that refuses."""

import os
import sys
from types import SimpleNamespace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.vllm_engine import ENVIRONMENT, Vllm


@pytest.fixture
def seen(monkeypatch):
    """The environment as the stand-in found it."""
    found = {}

    def refuse(*_, **__):
        found.update({name: os.environ[name] for name in ENVIRONMENT})
        raise ValueError("no model")

    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "")  # so that it is gone after the test
        monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=refuse))
    return found


def test_vllm_starts_without_a_compiler_for_cuda(seen, tmp_path):
    """Its warm-up would compile FlashInfer's sampler, which needs nvcc, and which no request of ours uses."""
    with pytest.raises(AnatomyR1Error, match="vLLM cannot load it"):
        Vllm(tmp_path, "float32", {})
    assert seen == ENVIRONMENT
    assert seen["VLLM_USE_FLASHINFER_SAMPLER"] == "0"


def test_what_the_user_has_set_stays(seen, tmp_path, monkeypatch):
    monkeypatch.setenv("VLLM_USE_FLASHINFER_SAMPLER", "1")
    with pytest.raises(AnatomyR1Error):
        Vllm(tmp_path, "float32", {})
    assert seen == {**ENVIRONMENT, "VLLM_USE_FLASHINFER_SAMPLER": "1"}
