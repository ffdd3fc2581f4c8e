"""What the local engines read from a checkpoint's folder besides its weights: prompts in, tokens out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.chat import parts
from anatomy_r1.evaluation.engines.jobs import Job
from anatomy_r1.response_log.response import Response


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Processor, end tokens and length of a model in a local folder."""

    folder: Path
    processor: Any
    dtype: str | None
    """The one stated in its configuration."""
    end_tokens: frozenset[int]
    max_length: int
    """Positions that the model has; prompt and response must fit."""

    def prompt(self, turns: Sequence[dict[str, Any]], add_generation_prompt: bool) -> str:
        """lm-eval's turns, with `<image>` in their text, as the model's prompt."""
        shown = [{**turn, "content": parts(turn["content"])} for turn in turns]
        text = self.processor.apply_chat_template(shown, add_generation_prompt=add_generation_prompt, tokenize=False)
        return str(text)

    def check_length(self, job: Job, prompt_tokens: int) -> None:
        """See that prompt and response fit.

        Raises:
            AnatomyR1Error: when they do not.
        """
        new = job.sampling.max_new_tokens
        if prompt_tokens + new > self.max_length:
            raise AnatomyR1Error(
                f"question {job.key.question_id}: a prompt of {prompt_tokens} tokens and {new} new ones exceed the "
                f"model's {self.max_length}. Cure: lower --max-new-tokens, or max_pixels in the model's processor"
            )

    def response(self, job: Job, tokens: Sequence[int], finish: Any, prompt_tokens: int, seconds: float) -> Response:
        """Generated tokens, the end token included, as the log has them."""
        said = [token for token in tokens if token not in self.end_tokens]
        return Response(
            job.key,
            self.processor.tokenizer.decode(said, skip_special_tokens=True),
            finish,
            prompt_tokens=prompt_tokens,
            tokens=len(tokens),
            seconds=seconds,
            style=job.style,
            images=job.images,
            shown=job.shown,
        )


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read what stands beside the weights; no code of the checkpoint's own is run.

    Raises:
        AnatomyR1Error: when the folder holds no usable model, or its processor no chat template.
    """
    from transformers import AutoConfig, AutoProcessor

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        processor = AutoProcessor.from_pretrained(folder, padding_side="left", trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise unusable(folder, error) from error
    processor.tokenizer.padding_side = "left"
    if not getattr(processor, "chat_template", None):
        cure = "Cure: put the base model's chat_template.jinja beside its weights"
        raise AnatomyR1Error(f"{folder}: the processor has no chat template. {cure}")
    dtype = None if config.dtype is None else str(config.dtype).removeprefix("torch.")
    positions = int(config.get_text_config().max_position_embeddings)
    most = min(positions, int(processor.tokenizer.model_max_length))
    return Checkpoint(folder, processor, dtype, _end_tokens(folder, config, processor), most)


def unusable(folder: Path, error: Exception) -> AnatomyR1Error:
    """The error to raise when a folder does not load."""
    return AnatomyR1Error(f"{folder}: no usable image-text model ({error}). Cure: train or copy it again")


def _end_tokens(folder: Path, config: Any, processor: Any) -> frozenset[int]:
    from transformers import GenerationConfig

    try:
        stated = GenerationConfig.from_pretrained(folder).eos_token_id
    except OSError:  # there is no such file
        stated = GenerationConfig.from_model_config(config).eos_token_id
    ids = stated if isinstance(stated, list) else [stated, processor.tokenizer.eos_token_id]
    return frozenset(token for token in ids if token is not None)
