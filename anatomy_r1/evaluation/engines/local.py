"""Checkpoints in a local folder: identity, processor and end tokens, and the base class of the local engines."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.chat import content_parts
from anatomy_r1.evaluation.engines.engine import Engine
from anatomy_r1.evaluation.engines.jobs import Job
from anatomy_r1.evaluation.engines.resume import complete_jobs
from anatomy_r1.files import identity_of
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response

IDENTITY_FILES = (
    "*.safetensors", "config.json", "generation_config.json", "tokenizer*", "*processor_config.json",
    "chat_template*", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
"""Files of a checkpoint that can change its responses."""


def weights_identity(folder: Path) -> str:
    """16 hex digits over names and bytes of weights, configuration, tokenizer and processor.

    Raises:
        AnatomyR1Error: when the folder has no safetensors weights.
    """
    if not any(folder.glob("*.safetensors")):
        raise AnatomyR1Error(f"{folder}: no *.safetensors weights. Fix: name a folder that `save_pretrained` wrote")
    return identity_of({path for pattern in IDENTITY_FILES for path in folder.glob(pattern)})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Processor, end tokens and maximum length of a model in a local folder."""

    folder: Path
    processor: Any
    dtype: str | None
    """As stated in its configuration."""
    end_tokens: frozenset[int]
    max_length: int
    """Positions of the model; prompt and response must fit."""

    def prompt(self, turns: Sequence[dict[str, Any]], add_generation_prompt: bool) -> str:
        """The prompt for chat turns, which have `<image>` in their text where an image goes."""
        chat = [{**turn, "content": content_parts(turn["content"])} for turn in turns]
        text = self.processor.apply_chat_template(chat, add_generation_prompt=add_generation_prompt, tokenize=False)
        return str(text)

    def check_length(self, job: Job, prompt_tokens: int) -> None:
        """Check that prompt and response fit.

        Raises:
            AnatomyR1Error: when they do not.
        """
        new = job.sampling.max_new_tokens
        if prompt_tokens + new > self.max_length:
            raise AnatomyR1Error(
                f"question {job.key.question_id}: a prompt of {prompt_tokens} tokens and {new} new ones exceed the "
                f"model's {self.max_length}. Fix: lower --max-new-tokens, or max_pixels in the model's processor"
            )

    def response(
        self, job: Job, tokens: Sequence[int], finish_reason: Any, prompt_tokens: int, seconds: float
    ) -> Response:
        """The response to log for generated tokens, the end token included."""
        text_tokens = [token for token in tokens if token not in self.end_tokens]
        return Response(
            job.key,
            self.processor.tokenizer.decode(text_tokens, skip_special_tokens=True),
            finish_reason,
            prompt_tokens=prompt_tokens,
            tokens=len(tokens),
            seconds=seconds,
            style=job.style,
            images=job.images,
            shown=job.shown,
        )


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read everything but the weights; code in the checkpoint is not executed.

    Raises:
        AnatomyR1Error: when the folder has no usable model, or its processor no chat template.
    """
    from transformers import AutoConfig, AutoProcessor

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        processor = AutoProcessor.from_pretrained(folder, padding_side="left", trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise unusable(folder, error) from error
    processor.tokenizer.padding_side = "left"
    if not getattr(processor, "chat_template", None):
        fix = "Fix: put the base model's chat_template.jinja beside its weights"
        raise AnatomyR1Error(f"{folder}: the processor has no chat template. {fix}")
    dtype = None if config.dtype is None else str(config.dtype).removeprefix("torch.")
    positions = int(config.get_text_config().max_position_embeddings)
    max_length = min(positions, int(processor.tokenizer.model_max_length))
    return Checkpoint(folder, processor, dtype, _end_tokens(folder, config, processor), max_length)


def _end_tokens(folder: Path, config: Any, processor: Any) -> frozenset[int]:
    from transformers import GenerationConfig

    try:
        stated = GenerationConfig.from_pretrained(folder).eos_token_id
    except OSError:  # there is no such file
        stated = GenerationConfig.from_model_config(config).eos_token_id
    ids = stated if isinstance(stated, list) else [stated, processor.tokenizer.eos_token_id]
    return frozenset(token for token in ids if token is not None)


def unusable(folder: Path, error: Exception) -> AnatomyR1Error:
    """The error for a folder that cannot be loaded."""
    return AnatomyR1Error(f"{folder}: no usable image-text model ({error}). Fix: train or copy it again")


class LocalEngine(Engine):
    """An engine over a checkpoint in a local folder. A subclass sets `checkpoint`, and implements `_generate`."""

    checkpoint: Checkpoint

    def __init__(self, folder: Path, log: ResponseLog, seed: int, *, progress: bool) -> None:
        super().__init__(log, seed, progress=progress)
        self.folder, self.weights = folder, weights_identity(folder)

    @abstractmethod
    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterable[list[Response]]:
        """Responses to jobs grouped by question, in any order, as soon as they are available."""

    def complete(self, jobs: Iterable[Job], count: int, *, progress: bool = True) -> list[str]:
        """The text of each job, in order."""
        shown = self._progress and progress
        texts, generated = complete_jobs(jobs, count, self.log, self._generate, progress=shown)
        self.generated += generated
        return texts

    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """The prompt by the processor's chat template."""
        return self.checkpoint.prompt(chat_history, add_generation_prompt)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The processor's, whatever name lm-eval asks for."""
        return str(self.processor.chat_template)

    @property
    def processor(self) -> Any:
        """The checkpoint's."""
        return self.checkpoint.processor

    @property
    def max_length(self) -> int:
        """Positions of the model; prompt and response must fit."""
        return self.checkpoint.max_length

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval."""
        return self.folder.name
