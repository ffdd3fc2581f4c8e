"""What the two local engines share: lm-eval's side of a model whose checkpoint lies in a folder.

What the local engines read from a checkpoint's folder besides its weights: prompts in, tokens out.

Which weights answered: a hash over the files that decide what a model says.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.api.model import LM

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.chat import parts
from anatomy_r1.evaluation.engines.jobs import Job, jobs
from anatomy_r1.evaluation.engines.resume import answer
from anatomy_r1.files import identity_of
from anatomy_r1.response_log.log import ResponseLog
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
                f"model's {self.max_length}. Fix: lower --max-new-tokens, or max_pixels in the model's processor"
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
        fix = "Fix: put the base model's chat_template.jinja beside its weights"
        raise AnatomyR1Error(f"{folder}: the processor has no chat template. {fix}")
    dtype = None if config.dtype is None else str(config.dtype).removeprefix("torch.")
    positions = int(config.get_text_config().max_position_embeddings)
    most = min(positions, int(processor.tokenizer.model_max_length))
    return Checkpoint(folder, processor, dtype, _end_tokens(folder, config, processor), most)


def unusable(folder: Path, error: Exception) -> AnatomyR1Error:
    """The error to raise when a folder does not load."""
    return AnatomyR1Error(f"{folder}: no usable image-text model ({error}). Fix: train or copy it again")


def _end_tokens(folder: Path, config: Any, processor: Any) -> frozenset[int]:
    from transformers import GenerationConfig

    try:
        stated = GenerationConfig.from_pretrained(folder).eos_token_id
    except OSError:  # there is no such file
        stated = GenerationConfig.from_model_config(config).eos_token_id
    ids = stated if isinstance(stated, list) else [stated, processor.tokenizer.eos_token_id]
    return frozenset(token for token in ids if token is not None)


PATTERNS = (
    "*.safetensors", "config.json", "generation_config.json", "tokenizer*", "*processor_config.json",
    "chat_template*", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip


def weights_identity(folder: Path) -> str:
    """16 hex digits over names and bytes of weights, configuration, tokenizer and processor.

    Raises:
        AnatomyR1Error: when the folder holds no safetensors weights.
    """
    if not any(folder.glob("*.safetensors")):
        raise AnatomyR1Error(f"{folder}: no *.safetensors weights. Fix: name a folder that `save_pretrained` wrote")
    return identity_of({path for pattern in PATTERNS for path in folder.glob(pattern)})


class LocalEngine(LM):  # type: ignore[misc]  # lm-eval is untyped
    """An engine gives `_generate` and sets `checkpoint` and `settings`; prompts, log and resume are here."""

    MULTIMODAL = True
    checkpoint: Checkpoint
    settings: dict[str, Any]
    """What decides responses besides weights and sampling arguments; part of every key."""

    def __init__(self, folder: Path, log: ResponseLog, seed: int, *, progress: bool) -> None:
        super().__init__()
        self.folder, self.weights = folder, weights_identity(folder)
        self.log, self.seed, self._progress = log, seed, progress
        self.made = 0
        """Responses generated so far, not counting those found in the log."""

    @abstractmethod
    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterable[list[Response]]:
        """Responses to jobs, those of one question together, in any order, as soon as there are some."""

    @property
    def processor(self) -> Any:
        """The checkpoint's."""
        return self.checkpoint.processor

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
        shown = self._progress and not disable_tqdm
        texts, made = answer(wanted, len(requests), self.log, self._generate, progress=shown)
        self.made += made
        return texts

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        """Not what these tasks need."""
        raise NotImplementedError(f"{type(self).__name__} generates only")

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        """Not what these tasks need."""
        raise NotImplementedError(f"{type(self).__name__} generates only")
