"""lm-eval model `anatomy-vllm`: vLLM, with the log, the seeds and the keys of the other engine.

Each question's prompt and picture are preprocessed once, and asked for once a response with a seed of its own. vLLM's
prefix cache lets the responses share the prefill, in the very step in which the first of them is read (as far as whole
cache blocks reach). `n=5` would do the same: vLLM makes five requests of it, with seeds s, s + 1, ... A seed a response
keeps it independent of how many are missing.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:                        # doctest: +SKIP
    ...     engine = VllmEngine("models/mini-l", log=log)
    ...     lm_eval.simple_evaluate(model=engine, tasks=["sgg_anatomy_mini"], apply_chat_template=True)
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
"""A question's: the sampled ones and the greedy one."""
SEED_BITS = 62
"""Of a response's seed: vLLM takes a signed 64-bit number."""
BETWEEN_STEPS = 16
"""Questions preprocessed before vLLM is asked for news; our choice."""
SPEED_ONLY = frozenset({
    "block_size", "disable_log_stats", "distributed_executor_backend", "enforce_eager", "gpu_memory_utilization",
    "kv_cache_memory_bytes", "max_model_len", "max_num_batched_tokens", "max_num_seqs", "mm_processor_cache_gb",
    "tensor_parallel_size",
})  # fmt: skip
"""vLLM's arguments that decide speed and memory; any other belongs to a response's key."""


@register_model("anatomy-vllm")
class VllmEngine(LocalEngine):
    """Any image-text-to-text checkpoint that vLLM serves, from a local folder.

    Raises:
        AnatomyR1Error: when vLLM is missing, or the folder holds no usable model.
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
            log: where responses go, and where those already made are found.
            seed: of the sampling; each response has its own.
            batch_size: questions in hand at a time; a quarter more than vLLM computes at once, unless told.
            device: not to be given; vLLM takes the device it was built for.
            dtype: `auto` (the checkpoint's, also where vLLM would take another), `float32`, `bfloat16`, ...
            progress: show a bar.
            options: vLLM's engine arguments, for example `gpu_memory_utilization`.
        """
        super().__init__(Path(pretrained), log, seed, progress=progress)
        if device:
            fix = "Fix: leave it out; CUDA_VISIBLE_DEVICES chooses a GPU"
            raise AnatomyR1Error(f"device {device}: vLLM runs on what it was built for. {fix}")
        read = read_checkpoint(self.folder)
        self.vllm = Vllm(self.folder, _dtype(dtype, read), options)
        self.checkpoint = replace(read, max_length=min(read.max_length, self.vllm.max_length))
        self.settings = {"engine": "vllm", "dtype": self.vllm.dtype, **_that_count(options)}
        self._in_hand = batch_size * RESPONSES if batch_size else self.vllm.most_at_once * 5 // 4

    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterator[list[Response]]:
        waiting = iter(questions)
        asked: dict[str, Job] = {}
        began = time.perf_counter()
        try:
            while self._ask(waiting, asked):
                if finished := self.vllm.step():
                    now = time.perf_counter()
                    yield self._responses(finished, asked, (now - began) / len(finished))
                    began = now
        finally:
            self.vllm.forget(list(asked))  # whatever stopped this, a later call must not meet them

    def _ask(self, waiting: Iterator[Sequence[Job]], asked: dict[str, Job]) -> bool:
        """Ask the next questions as far as there is room; whether anything is being waited for."""
        for _ in range(BETWEEN_STEPS):
            if len(asked) >= self._in_hand or (group := next(waiting, None)) is None:
                break
            read = self.vllm.read(group[0].prompt, list(group[0].pictures))
            for job in group:
                self.checkpoint.check_length(job, prompt_tokens(read))
                seed = response_seed(job.key, SEED_BITS)
                self.vllm.ask(job.key.digest, read, job.sampling, seed, self.checkpoint.end_tokens)
                asked[job.key.digest] = job
        return bool(asked)

    def _responses(self, finished: Sequence[Finished], asked: dict[str, Job], seconds: float) -> list[Response]:
        return [
            self.checkpoint.response(asked.pop(one.name), one.tokens, one.finish_reason, one.prompt_tokens, seconds)
            for one in finished
        ]


def _dtype(asked: str, read: Checkpoint) -> str:
    if asked != "auto":
        return asked
    if read.dtype is None:
        raise AnatomyR1Error(f"{read.folder}: its configuration states no dtype. Fix: --dtype bfloat16 or float32")
    return read.dtype


def _that_count(options: dict[str, Any]) -> dict[str, Any]:
    """Engine arguments that belong to a response's key."""
    return {f"vllm_{name}": value for name, value in sorted(options.items()) if name not in SPEED_ONLY}
