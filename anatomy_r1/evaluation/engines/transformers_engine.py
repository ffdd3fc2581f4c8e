"""The engine over transformers: one prefill per question serves all of its responses."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from lm_eval.api.registry import register_model

from anatomy_r1.evaluation.engines.decode import GenerationRequest, decode, uniforms
from anatomy_r1.evaluation.engines.jobs import Job
from anatomy_r1.evaluation.engines.local import LocalEngine, read_checkpoint, unusable
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response


@register_model("anatomy-transformers")
class TransformersEngine(LocalEngine):
    """Any image-text-to-text checkpoint of transformers in a local folder: safetensors only, no remote code.

    Raises:
        AnatomyR1Error: when the folder has no usable model, or its processor no chat template.
    """

    def __init__(
        self,
        pretrained: str | Path,
        *,
        log: ResponseLog,
        seed: int = 0,
        batch_size: int = 16,
        device: str | None = None,
        dtype: str = "auto",
        progress: bool = True,
    ) -> None:
        """Load model and processor.

        Args:
            pretrained: folder that `save_pretrained` wrote.
            log: response log to resume from and write to.
            seed: sampling seed; each response has its own random stream.
            batch_size: questions (not responses) per batch.
            device: None: `cuda` if available, else `cpu`.
            dtype: `auto` (the checkpoint's), `float32`, `bfloat16`, ...
            progress: show a progress bar.
        """
        super().__init__(Path(pretrained), log, seed, progress=progress)
        import torch

        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.checkpoint = read_checkpoint(self.folder)
        self.model = _load(self.folder, dtype).to(self._device).eval()
        self.batch_size = batch_size
        self.settings = {"engine": "transformers", "dtype": str(self.model.dtype).removeprefix("torch.")}

    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterator[list[Response]]:
        waiting = iter(questions)
        while batch := list(islice(waiting, self.batch_size)):
            yield self._respond(batch)

    def _respond(self, questions: Sequence[Sequence[Job]]) -> list[Response]:
        began = time.perf_counter()
        inputs = self._encode([group[0] for group in questions])
        lengths = inputs["attention_mask"].sum(-1).tolist()
        jobs = [(prompt, job) for prompt, group in enumerate(questions) for job in group]
        for prompt, job in jobs:
            self.checkpoint.check_length(job, lengths[prompt])
        requests = [_request(prompt, job) for prompt, job in jobs]
        outputs = decode(self.model, inputs, requests, self.checkpoint.end_tokens)
        seconds = (time.perf_counter() - began) / len(jobs)
        return [
            self.checkpoint.response(job, one.tokens, one.finish_reason, lengths[prompt], seconds)
            for (prompt, job), one in zip(jobs, outputs, strict=True)
        ]

    def _encode(self, jobs: Sequence[Job]) -> dict[str, Any]:
        pictures = [list(job.pictures) for job in jobs]
        shown = {"images": pictures} if any(pictures) else {}
        encoded = self.processor(text=[job.prompt for job in jobs], **shown, padding=True, return_tensors="pt")
        return dict(encoded.to(self._device))


def _request(prompt: int, job: Job) -> GenerationRequest:
    key = job.key
    numbers = uniforms(key.seed, key.benchmark, key.question_id, key.repeat, job.sampling.max_new_tokens)
    return GenerationRequest(prompt, numbers, job.sampling.decoding == "greedy", job.sampling.temperature)


def _load(folder: Path, dtype: str) -> Any:
    from transformers import AutoModelForImageTextToText

    try:
        return AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise unusable(folder, error) from error
