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
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from tqdm import tqdm

from anatomy_r1.engines.address import read_address
from anatomy_r1.engines.chat import as_prompt
from anatomy_r1.engines.requests import Job, jobs
from anatomy_r1.engines.server_client import Failure, ask, ask_for_models, open_client
from anatomy_r1.engines.server_identity import server_identity
from anatomy_r1.engines.upload import check_upload
from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.responses import ResponseLog


@dataclass(slots=True)
class Tally:
    """How a run of requests goes."""

    patience: int
    """So many failures without one answer between them end the run: the server is gone."""
    failures: list[Failure] = field(default_factory=list)
    in_a_row: int = 0

    def add(self, failure: Failure | None) -> None:
        """Count one outcome; None is an answer."""
        if failure:
            self.failures.append(failure)
        self.in_a_row = self.in_a_row + 1 if failure else 0

    @property
    def hopeless(self) -> bool:
        """Whether to ask for nothing more."""
        return self.in_a_row >= self.patience or any(failure.cure for failure in self.failures)


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
        self.weights = server_identity(self.name, self.address, asyncio.run(self._models()))
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
        found = {key: response.text for key, response in self.log.get(job.key for job in wanted).items()}
        missing = {job.key: job for job in wanted if job.key not in found}
        hidden = disable_tqdm or not self._progress
        with tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="response", disable=hidden) as bar:
            tally = asyncio.run(self._ask_all(list(missing.values()), found, bar))
        if lacking := sum(job.key not in found for job in wanted):
            raise IncompleteError(self._account(lacking, len(wanted), tally))
        return [found[job.key] for job in wanted]

    async def _ask_all(self, missing: Sequence[Job], found: dict[Any, str], bar: Any) -> Tally:
        tally, waiting = Tally(patience=max(8, 2 * self._concurrency)), iter(missing)
        async with self._open() as client:
            count = min(self._concurrency, len(missing))
            workers = [asyncio.create_task(self._work(client, waiting, tally, found, bar)) for _ in range(count)]
            try:
                await asyncio.gather(*workers)
            finally:  # one that fails, for want of space say, ends the others
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        return tally

    async def _work(
        self, client: openai.AsyncOpenAI, waiting: Iterator[Job], tally: Tally, found: dict[Any, str], bar: Any
    ) -> None:
        for job in waiting:
            answer = await ask(client, job, self.name, self._plain)
            if isinstance(answer, Failure):
                tally.add(answer)
            else:
                self.log.add([answer])
                tally.add(None)
                found[answer.key] = answer.text
                self.made += 1
                bar.update(1)
            if tally.hopeless:
                return

    def _account(self, lacking: int, wanted: int, tally: Tally) -> str:
        reasons = Counter(failure.reason for failure in tally.failures).most_common()
        told = [(count, reason) for reason, count in reasons[:8]]
        told += [(sum(count for _, count in reasons[8:]), "other reasons")]
        told += [(lacking - len(tally.failures), "not asked: the server gave no answer any more")]
        lines = [f"  {count} x {reason}" for count, reason in told if count]
        named = ", ".join(dict.fromkeys(failure.question_id for failure in tally.failures[:5]))
        head = f"{self.address.base}: {lacking} of {wanted} responses are missing ({named} ...); "
        first = next((f"{failure.cure}, then " for failure in tally.failures if failure.cure), "")
        cure = f"Cure: {first}run the same command again; only those missing are asked"
        return "\n".join([f"{head}{wanted - lacking} are in {self.log.path}. {cure}", *lines])

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
