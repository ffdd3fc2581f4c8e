"""lm-eval model `anatomy-transformers`: logs as it goes, resumes, and reads each question's picture and prompt once.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:                        # doctest: +SKIP
    ...     engine = TransformersEngine("models/mini-l", log=log, batch_size=16)
    ...     lm_eval.simple_evaluate(model=engine, tasks=["sgg_anatomy_mini"], apply_chat_template=True)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from tqdm import tqdm

from anatomy_r1.engines.decode import Generated, Row, decode
from anatomy_r1.engines.identity import weights_identity
from anatomy_r1.engines.requests import Job, by_question, jobs
from anatomy_r1.engines.sampling import uniforms
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response import Response
from anatomy_r1.responses import ResponseLog

IMAGE = "<image>"
"""Where lm-eval's prompts have the picture."""


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
        self.processor, self.model = _load(self.folder, dtype)
        self.model.to(self._device).eval()
        self.log, self.seed, self.batch_size, self._progress = log, seed, batch_size, progress
        self.settings = {"engine": "transformers", "dtype": str(self.model.dtype).removeprefix("torch.")}
        self._end_tokens = _end_tokens(self.model, self.processor)
        self.made = 0
        """Responses generated so far, not counting those found in the log."""

    @property
    def max_length(self) -> int:
        """Positions that the model has; prompt and response must fit."""
        config = self.model.config.get_text_config()
        return min(int(config.max_position_embeddings), int(self.processor.tokenizer.model_max_length))

    @property
    def tokenizer_name(self) -> str:
        """As lm-eval wants it."""
        return self.folder.name

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The processor's, whatever name is asked for."""
        return str(self.processor.chat_template)

    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """lm-eval's turns, with `<image>` in their text, as the model's prompt."""
        turns = [{**turn, "content": _parts(turn["content"])} for turn in chat_history]
        text = self.processor.apply_chat_template(turns, add_generation_prompt=add_generation_prompt, tokenize=False)
        return str(text)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """One text a request, in order; what the log has is not generated again."""
        wanted = jobs(requests, self.weights, self.seed, self.settings)
        found = {key: response.text for key, response in self.log.get(job.key for job in wanted).items()}
        missing = {job.key: job for job in wanted if job.key not in found}
        questions = by_question(list(missing.values()))
        hidden = disable_tqdm or not self._progress
        with tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="response", disable=hidden) as bar:
            for start in range(0, len(questions), self.batch_size):
                responses = self._respond(questions[start : start + self.batch_size])
                self.log.add(responses)
                self.made += len(responses)
                found |= {response.key: response.text for response in responses}
                bar.update(len(responses))
        return [found[job.key] for job in wanted]

    def _respond(self, questions: Sequence[Sequence[Job]]) -> list[Response]:
        began = time.perf_counter()
        inputs = self._encode([group[0] for group in questions])
        lengths = inputs["attention_mask"].sum(-1).tolist()
        wanted = [(prompt, job) for prompt, group in enumerate(questions) for job in group]
        for prompt, job in wanted:
            self._check_length(job, lengths[prompt])
        made = decode(self.model, inputs, [_row(prompt, job) for prompt, job in wanted], self._end_tokens)
        seconds = (time.perf_counter() - began) / len(wanted)
        return [
            self._response(job, generated, lengths[prompt], seconds)
            for (prompt, job), generated in zip(wanted, made, strict=True)
        ]

    def _response(self, job: Job, generated: Generated, prompt_tokens: int, seconds: float) -> Response:
        tokens = [token for token in generated.tokens if token not in self._end_tokens]
        text = self.processor.tokenizer.decode(tokens, skip_special_tokens=True)
        return Response(
            job.key,
            text,
            generated.finish_reason,
            prompt_tokens=prompt_tokens,
            tokens=len(generated.tokens),
            seconds=seconds,
            style=job.style,
            images=job.images,
            shown=job.shown,
        )

    def _encode(self, shared: Sequence[Job]) -> dict[str, Any]:
        pictures = [list(job.pictures) for job in shared]
        shown = {"images": pictures} if any(pictures) else {}
        encoded = self.processor(text=[job.prompt for job in shared], **shown, padding=True, return_tensors="pt")
        return dict(encoded.to(self._device))

    def _check_length(self, job: Job, prompt_tokens: int) -> None:
        new = job.sampling.max_new_tokens
        if prompt_tokens + new > self.max_length:
            raise AnatomyR1Error(
                f"question {job.key.question_id}: a prompt of {prompt_tokens} tokens and {new} new ones exceed the "
                f"model's {self.max_length}. Cure: lower --max-new-tokens, or max_pixels in the model's processor"
            )

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


def _load(folder: Path, dtype: str) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(folder, padding_side="left", trust_remote_code=False)
        model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise AnatomyR1Error(f"{folder}: no usable image-text model ({error}). Cure: train or copy it again") from error
    processor.tokenizer.padding_side = "left"
    if not getattr(processor, "chat_template", None):
        cure = "Cure: put the base model's chat_template.jinja beside its weights"
        raise AnatomyR1Error(f"{folder}: the processor has no chat template. {cure}")
    return processor, model


def _end_tokens(model: Any, processor: Any) -> frozenset[int]:
    stated = model.generation_config.eos_token_id
    ids = stated if isinstance(stated, list) else [stated, processor.tokenizer.eos_token_id]
    return frozenset(token for token in ids if token is not None)


def _parts(text: str) -> list[dict[str, str]]:
    """`<image>text` -> the picture, then the text."""
    parts: list[dict[str, str]] = []
    for number, piece in enumerate(text.split(IMAGE)):
        parts += [{"type": "image"}] * (number > 0) + [{"type": "text", "text": piece}] * bool(piece)
    return parts
