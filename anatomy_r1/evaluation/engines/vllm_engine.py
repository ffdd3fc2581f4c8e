"""The engine over vLLM.

Each question's prompt and image are preprocessed once, and every response is a request with a seed of its own. vLLM's
prefix cache lets the responses share the prefill already in the step that computes it (as far as whole cache blocks
reach). `n=5` would do the same, since vLLM splits it into five requests with seeds s, s + 1, ...; but with one seed per
response, a response does not depend on how many others are missing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm_eval.api.registry import register_model

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import Job, response_seed
from anatomy_r1.evaluation.engines.local import Checkpoint, LocalEngine, read_checkpoint
from anatomy_r1.evaluation.engines.vllm_calls import Finished, Vllm, prompt_tokens
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response
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


@register_model("anatomy-vllm")
class VllmEngine(LocalEngine):
    """Any image-text-to-text checkpoint in a local folder that vLLM supports.

    Raises:
        AnatomyR1Error: when vLLM is missing, or the folder has no usable model.
    """

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

        Args:
            pretrained: folder that `save_pretrained` wrote.
            log: response log to resume from and write to.
            seed: sampling seed; each response has its own.
            batch_size: questions queued in vLLM; None: a quarter more than it computes at once.
            device: must be None; vLLM uses the device it was built for.
            dtype: `auto` (the checkpoint's, even if vLLM would choose another), `float32`, `bfloat16`, ...
            progress: show a progress bar.
            options: vLLM's engine arguments, for example `gpu_memory_utilization`.
        """
        super().__init__(Path(pretrained), log, seed, progress=progress)
        if device:
            fix = "Fix: leave it out; CUDA_VISIBLE_DEVICES chooses a GPU"
            raise AnatomyR1Error(f"device {device}: vLLM runs on the device it was built for. {fix}")
        read = read_checkpoint(self.folder)
        self.vllm = Vllm(self.folder, _dtype(dtype, read), options)
        self.checkpoint = replace(read, max_length=min(read.max_length, self.vllm.max_length))
        self.settings = {"engine": "vllm", "dtype": self.vllm.dtype, **_key_options(options)}
        self._queue_size = batch_size * RESPONSES if batch_size else self.vllm.most_at_once * 5 // 4

    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterator[list[Response]]:
        waiting = iter(questions)
        queued: dict[str, Job] = {}
        began = time.perf_counter()
        try:
            while self._fill_queue(waiting, queued):
                if finished := self.vllm.step():
                    now = time.perf_counter()
                    yield self._responses(finished, queued, (now - began) / len(finished))
                    began = now
        finally:
            self.vllm.abort(list(queued))  # however this ended, a later call must not receive them

    def _fill_queue(self, waiting: Iterator[Sequence[Job]], queued: dict[str, Job]) -> bool:
        """Queue the next questions as far as there is room; returns whether any request is queued."""
        for _ in range(BETWEEN_STEPS):
            if len(queued) >= self._queue_size or (group := next(waiting, None)) is None:
                break
            prompt = self.vllm.preprocess(group[0].prompt, list(group[0].pictures))
            for job in group:
                self.checkpoint.check_length(job, prompt_tokens(prompt))
                seed = response_seed(job.key, SEED_BITS)
                self.vllm.add_request(job.key.digest, prompt, job.sampling, seed, self.checkpoint.end_tokens)
                queued[job.key.digest] = job
        return bool(queued)

    def _responses(self, finished: Sequence[Finished], queued: dict[str, Job], seconds: float) -> list[Response]:
        return [
            self.checkpoint.response(queued.pop(one.name), one.tokens, one.finish_reason, one.prompt_tokens, seconds)
            for one in finished
        ]


def _dtype(dtype: str, checkpoint: Checkpoint) -> str:
    if dtype != "auto":
        return dtype
    if checkpoint.dtype is None:
        problem = f"{checkpoint.folder}: its configuration states no dtype"
        raise AnatomyR1Error(f"{problem}. Fix: --dtype bfloat16 or float32")
    return checkpoint.dtype


def _key_options(options: dict[str, Any]) -> dict[str, Any]:
    """The engine arguments that are part of a response's key."""
    return {f"vllm_{name}": value for name, value in sorted(options.items()) if name not in SPEED_ONLY}
