"""The engine over vLLM: 0.25.1 on GPUs (as locked) and 0.32.0 on CPUs (`tox -e vllm`).

`Vllm` makes all calls of vLLM. It drives the engine's own loop in place of `LLM.generate`, so that each response can be
logged when it is finished.

Each question's prompt and image are preprocessed once, and every response is a request with a seed of its own. vLLM's
prefix cache lets the responses share the prefill already in the step that computes it (as far as whole cache blocks
reach). `n=5` would do the same, since vLLM splits it into five requests with seeds s, s + 1, ...; but with one seed per
response, a response does not depend on how many others are missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lm_eval.api.registry import register_model

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.engine import LocalEngine
from anatomy_r1.evaluation.engines.jobs import Job, response_seed
from anatomy_r1.evaluation.items import refused_picture
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response, Sampling
from anatomy_r1.scoring.metrics import K

RESPONSES = K + 1
"""Per question: the sampled ones and the greedy one."""
SEED_BITS = 62
"""Size of a response's seed: vLLM takes a signed 64-bit number."""
BETWEEN_STEPS = 16
"""Questions preprocessed between two steps of vLLM (our choice)."""
SPEED_ONLY = frozenset({
    "block_size", "disable_log_stats", "distributed_executor_backend", "enforce_eager", "gpu_memory_utilization",
    "kv_cache_memory_bytes", "max_model_len", "max_num_batched_tokens", "max_num_seqs", "mm_processor_cache_gb",
    "tensor_parallel_size",
})  # fmt: skip
"""vLLM's arguments that affect speed and memory only; all others are part of a response's key."""
ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}
"""Set unless the user has set them. Multiprocessing: a scheduler in a separate process outlives this process when it is
killed, and holds the device memory that the resumed run needs. vLLM also recommends it for a reproducible order of
batches (docs, "Reproducibility"). FlashInfer's sampler is compiled with nvcc while vLLM starts, which then fails where
there is only a driver; and vLLM never uses it for requests that are greedy or have a seed, as all of ours.
"""
MIN_TEMPERATURE = 0.01
"""vLLM raises a lower one to this, with a warning (`sampling_params.py` in both versions)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished response of vLLM."""

    name: str
    """Id of its request."""
    tokens: list[int]
    """The end token included, if there is one."""
    finish_reason: str
    prompt_tokens: int
    shared_tokens: int
    """Prompt tokens that came from the prefix cache."""


class Vllm:
    """A model loaded by vLLM."""

    def __init__(self, folder: Path, dtype: str, options: dict[str, Any]) -> None:
        """Load `folder` (safetensors, no remote code); `options` are vLLM's engine arguments."""
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
            "generation_config": "vllm",  # ignore the checkpoint's
            "enable_prefix_caching": True,
            "limit_mm_per_prompt": {"image": 1, "video": 0},
        }
        if fixed := sorted(set(stated) & set(options)):
            raise AnatomyR1Error(f"vLLM arguments {fixed}: this engine sets them itself. Fix: leave them out")
        try:
            self._llm = LLM(str(folder), **stated, **options)
        except (OSError, ValueError, RuntimeError) as error:
            raise AnatomyR1Error(f"{folder}: vLLM cannot load it ({error}). Fix: see its messages above") from error
        self._engine = self._llm.llm_engine
        config = self._engine.vllm_config
        self.dtype = str(config.model_config.dtype).removeprefix("torch.")
        self.max_length = int(config.model_config.max_model_len)
        self.most_at_once = int(config.scheduler_config.max_num_seqs)

    def preprocess(self, prompt: str, pictures: Sequence[Any]) -> Any:
        """Tokens and preprocessed image of a prompt, for any number of requests."""
        media = {"multi_modal_data": {"image": list(pictures)}} if pictures else {}
        # Private, but the same in both versions; the public API takes a raw prompt for each request
        return self._llm._preprocess_cmpl_one({"prompt": prompt, **media})

    def add_request(self, name: str, prompt: Any, sampling: Sampling, seed: int, end_tokens: frozenset[int]) -> None:
        """Queue a request for one response to a preprocessed prompt."""
        # A copy, as vLLM makes for n > 1: the constructor would validate again
        params = copy(_sampling_params(sampling, end_tokens))
        params.seed = seed if sampling.decoding == "sample" else None
        self._engine.add_request(name, prompt, params)

    def step(self) -> list[Finished]:
        """Run one step of the engine; returns the responses that it finished, often none."""
        try:
            outputs = self._engine.step()
        except Exception as error:  # its exception classes differ between versions
            fix = "Fix: see its messages above, then run the same command; earlier responses are kept"
            raise AnatomyR1Error(f"vLLM stopped ({type(error).__name__}: {error}). {fix}") from error
        return [_finished(output) for output in outputs if output.finished]

    def abort(self, names: list[str]) -> None:
        """Drop queued requests."""
        with suppress(Exception):  # a failed engine has dropped them already
            self._engine.abort_request(names)


@lru_cache(maxsize=16)
def _sampling_params(sampling: Sampling, end_tokens: frozenset[int]) -> Any:
    """VLLM's sampling parameters, all but the seed stated, so that no default of a version or a checkpoint applies."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    sampled = sampling.decoding == "sample"
    if sampled and sampling.temperature < MIN_TEMPERATURE:
        fix = "Fix: raise --temperature, or use --engine transformers"
        raise AnatomyR1Error(f"temperature {sampling.temperature}: vLLM's minimum is {MIN_TEMPERATURE}. {fix}")
    return SamplingParams(
        n=1,
        temperature=sampling.temperature if sampled else 0.0,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=0.0,
        repetition_penalty=sampling.repetition_penalty,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        seed=0 if sampled else None,
        max_tokens=sampling.max_new_tokens,
        min_tokens=0,
        stop_token_ids=sorted(end_tokens),
        ignore_eos=True,  # the line above lists the end tokens, as for the other engine
        detokenize=False,  # the text comes from the same decoder as the other engine's
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _finished(output: Any) -> Finished:
    (one,) = output.outputs
    if one.finish_reason not in ("stop", "length"):
        fix = "Fix: see vLLM's messages above, then run the same command"
        raise AnatomyR1Error(f"a response ended with {one.finish_reason!r}, neither stop nor length. {fix}")
    shared = int(output.num_cached_tokens or 0)
    return Finished(output.request_id, list(one.token_ids), one.finish_reason, len(output.prompt_token_ids), shared)


@register_model("anatomy-vllm")
class VllmEngine(LocalEngine):
    """Any image-text-to-text checkpoint in a local folder that vLLM supports."""

    def __init__(
        self,
        pretrained: str | Path,
        *,
        log: ResponseLog,
        seed: int = 0,
        batch_size: int | None = None,
        device: str | None = None,
        dtype: str = "auto",
        progress: bool = True,
        **options: Any,
    ) -> None:
        """Load model and processor.

        `batch_size`: questions queued in vLLM; None: a quarter more than it computes at once. `device` must be None.
        `dtype`: `auto` is the checkpoint's, even if vLLM would choose another. `options` are vLLM's engine arguments.
        """
        if device:
            fix = "Fix: leave it out; CUDA_VISIBLE_DEVICES chooses a GPU"
            raise AnatomyR1Error(f"device {device}: vLLM runs on the device it was built for. {fix}")
        super().__init__(Path(pretrained), log, seed, progress=progress)
        if dtype == "auto":
            if self.stated_dtype is None:
                problem = f"{self.folder}: its configuration states no dtype"
                raise AnatomyR1Error(f"{problem}. Fix: --dtype bfloat16 or float32")
            dtype = self.stated_dtype
        self.vllm = Vllm(self.folder, dtype, options)
        self.max_length = min(self.max_length, self.vllm.max_length)
        keyed = {f"vllm_{name}": value for name, value in sorted(options.items()) if name not in SPEED_ONLY}
        self.settings = {"engine": "vllm", "dtype": self.vllm.dtype, **keyed}
        self._queue_size = batch_size * RESPONSES if batch_size else self.vllm.most_at_once * 5 // 4

    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterator[list[Response]]:
        waiting = iter(questions)
        queued: dict[str, Job] = {}
        began = time.perf_counter()
        try:
            while self._fill_queue(waiting, queued):
                if finished := self.vllm.step():
                    now = time.perf_counter()
                    share = (now - began) / len(finished)
                    yield [
                        self.response(queued.pop(one.name), one.tokens, one.finish_reason, one.prompt_tokens, share)
                        for one in finished
                    ]
                    began = now
        finally:
            self.vllm.abort(list(queued))  # however this ended, a later call must not receive them

    def _fill_queue(self, waiting: Iterator[Sequence[Job]], queued: dict[str, Job]) -> bool:
        """Queue the next questions as far as there is room; returns whether any request is queued."""
        for _ in range(BETWEEN_STEPS):
            if len(queued) >= self._queue_size or (group := next(waiting, None)) is None:
                break
            prompt = self._preprocess(group[0])
            for job in group:
                self.check_length(job, len(prompt["prompt_token_ids"]))  # the image's tokens included
                seed = response_seed(job.key, SEED_BITS)
                self.vllm.add_request(job.key.digest, prompt, job.sampling, seed, self.end_tokens)
                queued[job.key.digest] = job
        return bool(queued)

    def _preprocess(self, job: Job) -> Any:
        pictures = list(job.pictures)
        try:
            return self.vllm.preprocess(job.prompt, pictures)
        except Exception as error:  # its exception classes differ between versions
            raise refused_picture(job.key.question_id, job.shown, error) from error
