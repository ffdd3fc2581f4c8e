"""The engine over transformers: each prompt and its image are read once, for all of its responses (decoding.py).

Each response draws from a random stream of its own, which depends on seed, benchmark, question and repeat only. So
batch size, order and resuming do not change which numbers it gets; only the last bits of the logits can differ.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval.api.registry import register_model

from anatomy_r1 import arithmetic
from anatomy_r1.errors import AnatomyR1Error, one_line
from anatomy_r1.evaluation.engines.checkpoint import unusable
from anatomy_r1.evaluation.engines.decoding import GenerationRequest, decode
from anatomy_r1.evaluation.engines.engine import LocalEngine
from anatomy_r1.evaluation.engines.jobs import Job
from anatomy_r1.evaluation.items import refused_picture
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response


def uniforms(seed: int, benchmark: str, question_id: str, repeat: int, count: int) -> Any:
    """The first `count` numbers in [0, 1) of a response's random stream, as a float64 array."""
    name = f"{seed}\0{benchmark}\0{question_id}\0{repeat}"
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    return np.random.Generator(np.random.Philox(key=key)).random(count)


@register_model("anatomy-transformers")
class TransformersEngine(LocalEngine):
    """Any image-text-to-text checkpoint of transformers in a local folder: safetensors only, no remote code."""

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
        """Load model and processor; `batch_size` counts questions, not responses."""
        if batch_size < 1:
            raise AnatomyR1Error(f"batch_size {batch_size}: must be at least 1. Fix: --batch-size 1")
        super().__init__(Path(pretrained), log, seed, progress=progress)
        self._device = _usable_device(device)
        self.model = _load(self.folder, dtype).to(self._device).eval()
        self.batch_size = batch_size
        self.settings = {"engine": "transformers", "dtype": str(self.model.dtype).removeprefix("torch.")}
        if arithmetic.mode() == "portable":  # native runs keep their names
            self.settings["arithmetic"] = "portable"

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
            self.check_length(job, lengths[prompt])
        requests = [_request(prompt, job) for prompt, job in jobs]
        outputs = decode(self.model, inputs, requests, self.end_tokens)
        seconds = (time.perf_counter() - began) / len(jobs)
        return [
            self.response(job, one.tokens, one.finish_reason, lengths[prompt], seconds)
            for (prompt, job), one in zip(jobs, outputs, strict=True)
        ]

    def _encode(self, jobs: Sequence[Job]) -> dict[str, Any]:
        pictures = [list(job.pictures) for job in jobs]
        shown = {"images": pictures} if any(pictures) else {}
        try:
            encoded = self.processor(text=[job.prompt for job in jobs], **shown, padding=True, return_tensors="pt")
        except Exception as error:  # processors have no errors of their own
            if len(jobs) == 1:
                raise refused_picture(jobs[0].key.question_id, jobs[0].shown, error) from error
            for job in jobs:  # to find the one that cannot be encoded
                self._encode([job])
            raise
        return dict(encoded.to(self._device))


def _request(prompt: int, job: Job) -> GenerationRequest:
    key = job.key
    numbers = uniforms(key.seed, key.benchmark, key.question_id, key.repeat, job.sampling.max_new_tokens)
    return GenerationRequest(prompt, numbers, job.sampling.decoding == "greedy", job.sampling.temperature)


def _usable_device(name: str | None) -> Any:
    """The device; None: `cuda` if available. AnatomyR1Error if it does not exist here."""
    import torch

    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device)
    except Exception as error:  # each backend raises its own
        raise AnatomyR1Error(f"device {name}: not usable here ({one_line(error)}). Fix: --device cpu") from error
    return device


def _load(folder: Path, dtype: str) -> Any:
    """The model; a checkpoint that lacks some of its weights is refused, since transformers makes them up."""
    from transformers import AutoModelForImageTextToText

    try:
        model, found = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception as error:  # a library's loader: a broken file raises anything
        raise unusable(folder, error) from error
    if lost := sorted({*found["missing_keys"], *(str(key[0]) for key in found["mismatched_keys"])}):
        problem = f"{len(lost)} weights of the model are missing or of another shape, such as {lost[0]}"
        raise AnatomyR1Error(f"{folder}: {problem}. Fix: train or copy it again")
    return model
