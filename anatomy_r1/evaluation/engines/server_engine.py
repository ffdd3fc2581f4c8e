"""The engine over an OpenAI-compatible server (vLLM, SGLang, a hosted model); responses are logged one by one.

The server applies its own chat template, which is unknown here. So the prompt hash of a response covers the chat
messages, with a placeholder for the image, and not the text that the model reads. The weights are what the server says
they are. A server may ignore the seed (SGLang does without `--enable-deterministic-inference`); it is still logged.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import openai
from lm_eval.api.registry import register_model

from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.evaluation.engines.engine import Engine
from anatomy_r1.evaluation.engines.jobs import Job, JobQueue
from anatomy_r1.evaluation.engines.server_client import (
    Failure,
    Model,
    ServerAddress,
    as_prompt,
    check_upload,
    clean,
    list_models,
    open_client,
    read_address,
    request_completion,
)
from anatomy_r1.response_log.log import ResponseLog

UNVERIFIED = "named by the server, not verified"


@register_model("anatomy-server")
class ServerEngine(Engine):
    """A model behind an OpenAI-compatible server.

    Raises:
        AnatomyR1Error: when the server or the model is missing, or the upload is not allowed; before any question is
            sent.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        log: ResponseLog,
        base_url: str | None = None,
        seed: int = 0,
        concurrency: int = 16,
        timeout: float = 300.0,
        retries: int = 8,
        allow_upload: bool = False,
        plain_openai: bool = False,
        benchmark: str = "",
        progress: bool = True,
    ) -> None:
        """Check that the server can be reached and has the model, which goes by the server's own name.

        `base_url` usually ends in `/v1`. `timeout`: seconds without a byte after which a request has failed (300: our
        choice). `retries`: of a request that failed temporarily (8: our choice; about 40 s of waiting in all).
        `plain_openai`: leave out the arguments that OpenAI's own API rejects. `benchmark`: whose license terms to print
        before an upload.
        """
        super().__init__(log, seed, progress=progress)
        if not base_url:
            raise AnatomyR1Error("the engine server has no address. Fix: --base-url http://127.0.0.1:8000/v1")
        if concurrency < 1 or retries < 0 or not timeout > 0:
            raise AnatomyR1Error("concurrency must be 1 or more, retries 0 or more, timeout above 0")
        self.address = read_address(base_url)
        upload = check_upload(self.address, benchmark, allow_upload)
        self.name = str(model)
        self._concurrency, self._timeout, self._retries, self._plain = concurrency, timeout, retries, plain_openai
        found = _find_model(self.name, self.address, asyncio.run(self._models()))
        self.weights = _identity(self.name, self.address, found)
        self._max_length = found.max_model_len if found else None
        # What is sent in addition to the fields of `Sampling`, and what is not sent
        more = {"not_sent": "min_p, repetition_penalty, top_k"} if plain_openai else {"min_p": 0.0}
        self.settings = {"engine": "server", "presence_penalty": 0.0, "frequency_penalty": 0.0, **more}
        self.plan = {"base_url": self.address.base, **upload}

    async def _models(self) -> Any:
        async with self._open() as client:
            return await list_models(client)

    def _open(self) -> openai.AsyncOpenAI:
        return open_client(self.address, self._timeout, self._retries)

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval."""
        return self.name

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Unknown here."""
        return "the server's own"

    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """The chat turns as JSON, since the server applies the template."""
        return as_prompt(chat_history)

    def complete(self, jobs: Iterable[Job], count: int, *, progress: bool = True) -> list[str]:
        """As in `Engine`; after an IncompleteError all responses received are in the log."""
        queue = JobQueue(jobs, count, self.log, progress=self._progress and progress)
        try:
            tally = asyncio.run(self._request_all(queue))
        finally:
            self.generated += queue.generated
            queue.bar.close()
        texts = [text for text in queue.texts if text is not None]
        if missing := count - len(texts):
            raise IncompleteError(tally.summary(self.address.base, self.log.path, missing, count))
        return texts

    async def _request_all(self, queue: JobQueue) -> FailureTally:
        tally, waiting = FailureTally(patience=max(8, 2 * self._concurrency)), chain.from_iterable(queue)
        async with self._open() as client:
            workers = [asyncio.create_task(self._work(client, waiting, tally, queue)) for _ in range(self._concurrency)]
            try:
                await asyncio.gather(*workers)
            finally:  # an error in one, such as a full disk, ends the others
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        deque(waiting, maxlen=0)  # after giving up: the log may have some of the jobs that were not reached
        return tally

    async def _work(
        self, client: openai.AsyncOpenAI, waiting: Iterator[Job], tally: FailureTally, queue: JobQueue
    ) -> None:
        for job in waiting:
            response = await request_completion(client, job, self.name, self._plain, self._max_length)
            if isinstance(response, Failure):
                tally.add(response)
            else:
                queue.add([response])
                tally.add(None)
            if tally.hopeless:
                return


@dataclass(slots=True)
class FailureTally:
    """The failed requests of a run, and whether to give up."""

    patience: int
    """Give up after this many consecutive failures: the server is gone."""
    failures: list[Failure] = field(default_factory=list)
    in_a_row: int = 0

    def add(self, failure: Failure | None) -> None:
        """Count the outcome of a request; None is a success."""
        if failure:
            self.failures.append(failure)
        self.in_a_row = self.in_a_row + 1 if failure else 0

    @property
    def hopeless(self) -> bool:
        """Whether to send no further request."""
        return self.in_a_row >= self.patience or any(failure.fix for failure in self.failures)

    def summary(self, server: str, log: Path, missing: int, total: int) -> str:
        """How many of `total` responses are missing, why (the counts add up to `missing`), and the fix."""
        ids = list(dict.fromkeys(failure.question_id for failure in self.failures))
        named = ", ".join([*ids[:5], *["..."] * (len(ids) > 5)])
        first = next((failure.fix for failure in self.failures if failure.fix), "resolve the reasons listed below")
        head = (
            f"{server}: {missing} of {total} responses are missing ({named}); {total - missing} are in {log}. "
            f"Fix: {first}, then run the same command again; it requests only the missing responses"
        )
        return "\n".join([head, *(f"  {count} x {reason}" for count, reason in self._reasons(missing) if count)])

    def _reasons(self, missing: int) -> Iterator[tuple[int, str]]:
        reasons = Counter(failure.reason for failure in self.failures).most_common()
        yield from ((count, reason) for reason, count in reasons[:8])
        yield sum(count for _, count in reasons[8:]), "other reasons"
        yield missing - len(self.failures), "not requested: the server had stopped answering"


def _find_model(name: str, address: ServerAddress, listed: Sequence[Model] | None) -> Model | None:
    """The server's description of a model; None if it does not list its models."""
    if listed is None:
        return None
    found = next((model for model in listed if model.id == name), None)
    if found is None:
        others = clean(", ".join(model.id for model in listed))
        raise AnatomyR1Error(f"{address.base}: serves no model {name}. Fix: --model, one of {others or '(none)'}")
    return found


def _identity(name: str, address: ServerAddress, model: Model | None) -> str:
    """Model, host and the server's description of the model, marked as unverified."""
    if model is None:
        return f"{name} at {address.host} ({UNVERIFIED}; it lists no models)"
    stated = sorted(model.model_dump(exclude={"id"}, exclude_none=True).items())
    about = [UNVERIFIED, *(f"{part} {clean(str(value))}" for part, value in stated)]
    return f"{name} at {address.host} ({'; '.join(about)})"
