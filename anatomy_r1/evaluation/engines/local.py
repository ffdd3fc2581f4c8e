"""What the two local engines share: lm-eval's side of a model whose checkpoint lies in a folder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lm_eval.api.model import LM

from anatomy_r1.evaluation.engines.checkpoint import Checkpoint
from anatomy_r1.evaluation.engines.identity import weights_identity
from anatomy_r1.evaluation.engines.jobs import Job, jobs
from anatomy_r1.evaluation.engines.resume import answer
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response


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
