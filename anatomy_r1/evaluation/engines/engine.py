"""Base class of the engines: generates the responses that the log lacks, for `evaluate` or for lm-eval.

lm-eval knows the engines as `anatomy-transformers`, `anatomy-vllm` and `anatomy-server`.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:                        # doctest: +SKIP
    ...     engine = TransformersEngine("models/mini-l", log=log, batch_size=16)
    ...     lm_eval.simple_evaluate(model=engine, tasks=["sgg_anatomy_mini"], apply_chat_template=True)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lm_eval.api.model import LM

from anatomy_r1.evaluation.engines.jobs import Job, JobBuilder, jobs_from_items, jobs_from_requests
from anatomy_r1.evaluation.items import Item
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Sampling
from anatomy_r1.scoring.metrics import K


class Engine(LM):  # type: ignore[misc]  # lm-eval is untyped
    """A subclass sets `weights` and `settings`, and implements `complete` and `apply_chat_template`."""

    MULTIMODAL = True
    weights: str
    """Identity of the weights; part of every key."""
    settings: dict[str, Any]
    """Whatever else determines responses besides weights and sampling parameters; part of every key."""
    plan: Mapping[str, Any] = {}
    """What the engine adds to the plan of a run."""
    generated = 0
    """Responses generated so far, not counting those found in the log."""

    def __init__(self, log: ResponseLog, seed: int, *, progress: bool) -> None:
        super().__init__()
        self.log, self.seed, self._progress = log, seed, progress

    @abstractmethod
    def complete(self, jobs: Iterable[Job], count: int, *, progress: bool = True) -> list[str]:
        """The text of each of `count` jobs, in order; only responses that are not in the log are generated."""

    @abstractmethod
    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """The prompt for chat turns, which have `<image>` in their text where an image goes."""

    def prompt(self, item: Item) -> str:
        """The prompt as the model reads it."""
        return self.apply_chat_template([{"role": "user", "content": item.turn}])

    def complete_items(self, items: Sequence[Item], sampling: Sequence[Sampling]) -> list[list[str]]:
        """For each item the texts of its responses: five for each sampled decoding, one for a greedy one."""
        size = sum(K if one.decoding == "sample" else 1 for one in sampling)
        texts = self.complete(jobs_from_items(items, sampling, self.prompt, self._builder()), size * len(items))
        return [texts[start : start + size] for start in range(0, len(texts), size)]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """lm-eval's requests: one text per request, in order."""
        jobs = jobs_from_requests(requests, self._builder())
        return self.complete(jobs, len(requests), progress=not disable_tqdm)

    def _builder(self) -> JobBuilder:
        return JobBuilder(self.weights, self.seed, self.settings)

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        """Not supported."""
        raise NotImplementedError(f"{type(self).__name__} only generates")

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        """Not supported."""
        raise NotImplementedError(f"{type(self).__name__} only generates")
