"""The one place that calls vLLM: 0.25.1 on GPUs (the lock's) and 0.32.0 on CPUs (`tox -e vllm`).

The engine's own loop is used, not `LLM.generate`, so that each response can be logged when it is there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.response import Sampling

ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}
"""Unless set otherwise. The last one: a scheduler in a process of its own stays behind when this process is killed, and
keeps the device's memory from the run that would go on. vLLM also names it for a repeatable order of batches
(docs, "Reproducibility").
"""
LEAST_TEMPERATURE = 0.01
"""vLLM raises a lower one to this, with a warning (`sampling_params.py`, both versions)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One response as vLLM gives it."""

    name: str
    """The one it was asked for under."""
    tokens: list[int]
    """The end token included, where there is one."""
    finish_reason: str
    prompt_tokens: int
    shared_tokens: int
    """Of the prompt, those that needed no prefill of their own."""


class Vllm:
    """A loaded model.

    Raises:
        AnatomyR1Error: when vLLM is not installed, or cannot load the folder.
    """

    def __init__(self, folder: Path, dtype: str, options: dict[str, Any]) -> None:
        """Load `folder` (safetensors, no code of its own); `options` are vLLM's engine arguments."""
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from vllm import LLM
        except ImportError as error:
            fix = "Fix: on an NVIDIA machine, pip install 'anatomy-r1[gpu]'; on a CPU, see `tox -e vllm`"
            raise AnatomyR1Error(f"vLLM cannot be imported ({error}). {fix}") from error
        stated = {
            "dtype": dtype,
            "load_format": "safetensors",
            "trust_remote_code": False,
            "generation_config": "vllm",  # nothing from the checkpoint's
            "enable_prefix_caching": True,
            "limit_mm_per_prompt": {"image": 1, "video": 0},
        }
        if fixed := sorted(set(stated) & set(options)):
            raise AnatomyR1Error(f"vLLM arguments {fixed}: this engine states them itself. Fix: leave them out")
        try:
            self._llm = LLM(str(folder), **stated, **options)
        except (OSError, ValueError, RuntimeError) as error:
            raise AnatomyR1Error(f"{folder}: vLLM cannot load it ({error}). Fix: see its messages above") from error
        self._engine = self._llm.llm_engine
        config = self._engine.vllm_config
        self.dtype = str(config.model_config.dtype).removeprefix("torch.")
        self.max_length = int(config.model_config.max_model_len)
        self.most_at_once = int(config.scheduler_config.max_num_seqs)

    def read(self, prompt: str, pictures: Sequence[Any]) -> Any:
        """Tokens and preprocessed picture of a prompt; serves any number of responses."""
        media = {"multi_modal_data": {"image": list(pictures)}} if pictures else {}
        # Private, but the same in both versions; the public way in takes a raw prompt a response
        return self._llm._preprocess_cmpl_one({"prompt": prompt, **media})

    def ask(self, name: str, read: Any, sampling: Sampling, seed: int, end_tokens: frozenset[int]) -> None:
        """Queue one response to a prompt that was read."""
        params = copy(_unseeded(sampling, end_tokens))  # as vLLM does for n > 1: building them checks all again
        params.seed = seed if sampling.decoding == "sample" else None
        self._engine.add_request(name, read, params)

    def step(self) -> list[Finished]:
        """Go on until vLLM reports; the responses that have ended, often none.

        Raises:
            AnatomyR1Error: when vLLM has died.
        """
        try:
            outputs = self._engine.step()
        except Exception as error:  # its own exception classes have moved between versions
            fix = "Fix: see its messages above, then run the same command; earlier responses are kept"
            raise AnatomyR1Error(f"vLLM stopped ({type(error).__name__}: {error}). {fix}") from error
        return [_finished(output) for output in outputs if output.finished]

    def forget(self, names: list[str]) -> None:
        """Drop responses that were asked for; nothing where there are none."""
        with suppress(Exception):  # one that has died has forgotten them already
            self._engine.abort_request(names)


def prompt_tokens(read: Any) -> int:
    """Length of a prompt that was read, the picture's tokens included."""
    return len(read["prompt_token_ids"])


@lru_cache(maxsize=16)
def _unseeded(sampling: Sampling, end_tokens: frozenset[int]) -> Any:
    return sampling_params(sampling, 0, end_tokens)


def sampling_params(sampling: Sampling, seed: int, end_tokens: frozenset[int]) -> Any:
    """Arguments for vLLM, each stated, so that no default of a version or a checkpoint decides.

    Raises:
        AnatomyR1Error: when vLLM would silently sample at another temperature.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    sampled = sampling.decoding == "sample"
    if sampled and sampling.temperature < LEAST_TEMPERATURE:
        fix = "Fix: raise --temperature, or use --engine transformers"
        raise AnatomyR1Error(f"temperature {sampling.temperature}: vLLM has {LEAST_TEMPERATURE} as its least. {fix}")
    return SamplingParams(
        n=1,
        temperature=sampling.temperature if sampled else 0.0,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=0.0,
        repetition_penalty=sampling.repetition_penalty,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        seed=seed if sampled else None,
        max_tokens=sampling.max_new_tokens,
        min_tokens=0,
        stop_token_ids=sorted(end_tokens),
        ignore_eos=True,  # the line above says which tokens end a response, as for the other engine
        detokenize=False,  # the same decoder as the other engine's makes the text
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _finished(output: Any) -> Finished:
    (one,) = output.outputs
    if one.finish_reason not in ("stop", "length"):
        fix = "Fix: see vLLM's messages above, then run the same command"
        raise AnatomyR1Error(f"a response ended with {one.finish_reason!r}, neither stop nor length. {fix}")
    shared = int(output.num_cached_tokens or 0)
    return Finished(output.request_id, list(one.token_ids), one.finish_reason, len(output.prompt_token_ids), shared)
