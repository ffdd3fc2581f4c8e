"""lm-eval model `anatomy-transformers`: logs as it goes, resumes, and reads each question's picture and prompt once.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:                        # doctest: +SKIP
    ...     engine = TransformersEngine("models/mini-l", log=log, batch_size=16)
    ...     lm_eval.simple_evaluate(model=engine, tasks=["sgg_anatomy_mini"], apply_chat_template=True)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from anatomy_r1.engines.checkpoint import read_checkpoint, unusable
from anatomy_r1.engines.decode import Row, decode
from anatomy_r1.engines.identity import weights_identity
from anatomy_r1.engines.logged import answer
from anatomy_r1.engines.requests import Job, jobs
from anatomy_r1.engines.sampling import uniforms
from anatomy_r1.response import Response
from anatomy_r1.responses import ResponseLog


@register_model("anatomy-transformers")
class TransformersEngine(LM):  # type: ignore[misc]  # lm-eval is untyped
    """Any image-text-to-text checkpoint of transformers, from a local folder; safetensors only, no code of its own.

    Raises:
        AnatomyR1Error: when the folder holds no usable model, or its processor no chat template.
    """

    MULTIMODAL = True

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
            log: where responses go, and where those already made are found.
            seed: of the sampling; each response has its own stream.
            batch_size: questions (not responses) at a time.
            device: `cuda` where there is one, unless told.
            dtype: `auto` (the checkpoint's), `float32`, `bfloat16`, ...
            progress: show a bar.
        """
        super().__init__()
        import torch

        self.folder = Path(pretrained)
        self.weights = weights_identity(self.folder)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.checkpoint = read_checkpoint(self.folder)
        self.processor = self.checkpoint.processor
        self.model = _load(self.folder, dtype).to(self._device).eval()
        self.log, self.seed, self.batch_size, self._progress = log, seed, batch_size, progress
        self.settings = {"engine": "transformers", "dtype": str(self.model.dtype).removeprefix("torch.")}
        self.made = 0
        """Responses generated so far, not counting those found in the log."""

    @property
    def max_length(self) -> int:
        """Positions that the model has; prompt and response must fit."""
        return self.checkpoint.max_length

    @property
    def tokenizer_name(self) -> str:
        """As lm-eval wants it."""
        return self.folder.name

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The processor's, whatever name is asked for."""
        return str(self.processor.chat_template)

    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """lm-eval's turns, with `<image>` in their text, as the model's prompt."""
        return self.checkpoint.prompt(chat_history, add_generation_prompt)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """One text a request, in order; what the log has is not generated again."""
        wanted = jobs(requests, self.weights, self.seed, self.settings)
        texts, made = answer(wanted, self.log, self._generate, progress=self._progress and not disable_tqdm)
        self.made += made
        return texts

    def _generate(self, questions: Sequence[Sequence[Job]]) -> Iterator[list[Response]]:
        for start in range(0, len(questions), self.batch_size):
            yield self._respond(questions[start : start + self.batch_size])

    def _respond(self, questions: Sequence[Sequence[Job]]) -> list[Response]:
        began = time.perf_counter()
        inputs = self._encode([group[0] for group in questions])
        lengths = inputs["attention_mask"].sum(-1).tolist()
        wanted = [(prompt, job) for prompt, group in enumerate(questions) for job in group]
        for prompt, job in wanted:
            self.checkpoint.check_length(job, lengths[prompt])
        made = decode(self.model, inputs, [_row(prompt, job) for prompt, job in wanted], self.checkpoint.end_tokens)
        seconds = (time.perf_counter() - began) / len(wanted)
        return [
            self.checkpoint.response(job, one.tokens, one.finish_reason, lengths[prompt], seconds)
            for (prompt, job), one in zip(wanted, made, strict=True)
        ]

    def _encode(self, shared: Sequence[Job]) -> dict[str, Any]:
        pictures = [list(job.pictures) for job in shared]
        shown = {"images": pictures} if any(pictures) else {}
        encoded = self.processor(text=[job.prompt for job in shared], **shown, padding=True, return_tensors="pt")
        return dict(encoded.to(self._device))

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        """Not what these tasks need."""
        raise NotImplementedError("anatomy-transformers generates only")

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        """Not what these tasks need."""
        raise NotImplementedError("anatomy-transformers generates only")


def _row(prompt: int, job: Job) -> Row:
    key = job.key
    numbers = uniforms(key.seed, key.benchmark, key.question_id, key.repeat, job.sampling.max_new_tokens)
    return Row(prompt, numbers, job.sampling.decoding == "greedy", job.sampling.temperature)


def _load(folder: Path, dtype: str) -> Any:
    from transformers import AutoModelForImageTextToText

    try:
        return AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise unusable(folder, error) from error
