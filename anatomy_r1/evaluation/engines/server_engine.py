"""lm-eval model `anatomy-server`: any OpenAI-compatible server (vLLM, SGLang, a hosted model), logged answer by answer.

Prompts are sent as chat messages and the server applies its own template, which nobody here sees. So the prompt hash of
a response is over the messages, with a mark where the picture is, and not over the text that the model read. Weights
are what the server says they are. A server may ignore the seed (SGLang without `--enable-deterministic-inference`
does); what was said is in the log all the same.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:                        # doctest: +SKIP
    ...     engine = ServerEngine("Qwen/Qwen2.5-VL-7B-Instruct", log=log, base_url="http://127.0.0.1:8000/v1")
    ...     lm_eval.simple_evaluate(model=engine, tasks=["sgg_anatomy_mini"], apply_chat_template=True)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import openai
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.evaluation.engines.chat import as_prompt
from anatomy_r1.evaluation.engines.jobs import Job, jobs
from anatomy_r1.evaluation.engines.resume import Answers
from anatomy_r1.evaluation.engines.server_address import read_address
from anatomy_r1.evaluation.engines.server_client import ask, ask_for_models, open_client
from anatomy_r1.evaluation.engines.server_failures import Failure
from anatomy_r1.evaluation.engines.server_identity import find_model, server_identity
from anatomy_r1.evaluation.engines.tally import Tally
from anatomy_r1.evaluation.engines.upload import check_upload
from anatomy_r1.response_log.log import ResponseLog


@register_model("anatomy-server")
class ServerEngine(LM):  # type: ignore[misc]  # lm-eval is untyped
    """A model behind an OpenAI-compatible server.

    Raises:
        AnatomyR1Error: when no server or no such model is there, or the upload was not allowed; before any question.
    """

    MULTIMODAL = True

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
        """See that the server is there and has the model.

        Args:
            model: name by which the server knows it.
            log: where responses go, and where those already made are found.
            base_url: of the server, mostly ending in `/v1`.
            seed: of the sampling; each response is sent one of its own.
            concurrency: requests at a time.
            timeout: seconds without a byte after which a request counts as lost (300: ours).
            retries: of a request that failed in passing (8: ours; about 40 s of waiting in all).
            allow_upload: whether questions and pictures may go to another machine.
            plain_openai: leave out the arguments that OpenAI's own API refuses.
            benchmark: whose terms to print on an upload.
            progress: show a bar.
        """
        super().__init__()
        if not base_url:
            raise AnatomyR1Error("the engine server has no address. Cure: --base-url http://127.0.0.1:8000/v1")
        if concurrency < 1 or retries < 0 or not timeout > 0:
            raise AnatomyR1Error("concurrency must be 1 or more, retries 0 or more, timeout above 0")
        self.address = read_address(base_url)
        upload = check_upload(self.address, benchmark, allow_upload)
        self.name, self.log, self.seed, self._progress = str(model), log, seed, progress
        self._concurrency, self._timeout, self._retries, self._plain = concurrency, timeout, retries, plain_openai
        found = find_model(self.name, self.address, asyncio.run(self._models()))
        self.weights = server_identity(self.name, self.address, found)
        self._longest = found.max_model_len if found else None
        self.settings = _settings(plain_openai)
        self.plan = {"base_url": self.address.base, **upload}
        """What the run's plan says besides."""
        self.made = 0
        """Responses generated so far, not counting those found in the log."""

    async def _models(self) -> Any:
        async with self._open() as client:
            return await ask_for_models(client)

    def _open(self) -> openai.AsyncOpenAI:
        return open_client(self.address, self._timeout, self._retries)

    @property
    def tokenizer_name(self) -> str:
        """As lm-eval wants it."""
        return self.name

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Not known here."""
        return "the server's own"

    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """lm-eval's turns, with `<image>` in their text, as JSON."""
        return as_prompt(chat_history)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """One text a request, in order; what the log has is not asked again.

        Raises:
            IncompleteError: when some got no answer; all others are in the log.
        """
        wanted = jobs(requests, self.weights, self.seed, self.settings)
        answers = Answers(wanted, len(requests), self.log, progress=self._progress and not disable_tqdm)
        try:
            tally = asyncio.run(self._ask_all(answers))
        finally:
            self.made += answers.made
            answers.close()
        texts = [text for text in answers.texts if text is not None]
        if lacking := len(requests) - len(texts):
            raise IncompleteError(tally.account(self.address.base, self.log.path, lacking, len(requests)))
        return texts

    async def _ask_all(self, answers: Answers) -> Tally:
        tally, waiting = Tally(patience=max(8, 2 * self._concurrency)), chain.from_iterable(answers)
        async with self._open() as client:
            workers = [
                asyncio.create_task(self._work(client, waiting, tally, answers)) for _ in range(self._concurrency)
            ]
            try:
                await asyncio.gather(*workers)
            finally:  # one that fails, for want of space say, ends the others
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        deque(waiting, maxlen=0)  # after a run that was given up: the log may have some of those not come to
        return tally

    async def _work(self, client: openai.AsyncOpenAI, waiting: Iterator[Job], tally: Tally, answers: Answers) -> None:
        for job in waiting:
            response = await ask(client, job, self.name, self._plain, self._longest)
            if isinstance(response, Failure):
                tally.add(response)
            else:
                answers.add([response])
                tally.add(None)
            if tally.hopeless:
                return

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        """Not what these tasks need."""
        raise NotImplementedError("anatomy-server generates only")

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        """Not what these tasks need."""
        raise NotImplementedError("anatomy-server generates only")


def _settings(plain: bool) -> dict[str, Any]:
    """What is sent besides `Sampling`'s fields, for the key; with `plain`, what of those is not sent."""
    sent: dict[str, Any] = {"engine": "server", "presence_penalty": 0.0, "frequency_penalty": 0.0}
    return sent | ({"not_sent": "min_p, repetition_penalty, top_k"} if plain else {"min_p": 0.0})
