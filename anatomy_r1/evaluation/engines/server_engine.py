"""lm-eval model `anatomy-server`: any OpenAI-compatible server (vLLM, SGLang, a hosted model), logged answer by answer.

Prompts are sent as chat messages and the server applies its own template, which nobody here sees. So the prompt hash of
a response is over the messages, with a mark where the picture is, and not over the text that the model read. Weights
are what the server says they are. A server may ignore the seed (SGLang without `--enable-deterministic-inference`
does); what was said is in the log all the same.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:                        # doctest: +SKIP
    ...     engine = ServerEngine("Qwen/Qwen2.5-VL-7B-Instruct", log=log, base_url="http://127.0.0.1:8000/v1")
    ...     lm_eval.simple_evaluate(model=engine, tasks=["sgg_anatomy_mini"], apply_chat_template=True)

How a run of requests goes, when to give it up, and what to say of those that got no answer.

Which weights answered, where only the server can say so.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import openai
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.evaluation.engines.chat import as_prompt
from anatomy_r1.evaluation.engines.jobs import Job, jobs
from anatomy_r1.evaluation.engines.resume import Answers
from anatomy_r1.evaluation.engines.server_address import Address, check_upload, read_address
from anatomy_r1.evaluation.engines.server_client import Failure, ask, ask_for_models, clean, open_client
from anatomy_r1.evaluation.engines.server_schema import Model
from anatomy_r1.response_log.log import ResponseLog


@dataclass(slots=True)
class Tally:
    """Failures so far."""

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
        return self.in_a_row >= self.patience or any(failure.fix for failure in self.failures)

    def account(self, server: str, log: Path, lacking: int, wanted: int) -> str:
        """How many of the responses wanted are lacking, why, and the fix; the reasons' numbers add up to `lacking`."""
        ids = list(dict.fromkeys(failure.question_id for failure in self.failures))
        named = ", ".join([*ids[:5], *["..."] * (len(ids) > 5)])
        first = next((failure.fix for failure in self.failures if failure.fix), "see to what is named below")
        head = (
            f"{server}: {lacking} of {wanted} responses are missing ({named}); {wanted - lacking} are in {log}. "
            f"Fix: {first}, then run the same command again; only those missing are asked"
        )
        return "\n".join([head, *(f"  {count} x {reason}" for count, reason in self._reasons(lacking) if count)])

    def _reasons(self, lacking: int) -> Iterator[tuple[int, str]]:
        reasons = Counter(failure.reason for failure in self.failures).most_common()
        yield from ((count, reason) for reason, count in reasons[:8])
        yield sum(count for _, count in reasons[8:]), "other reasons"
        yield lacking - len(self.failures), "not asked: the server gave no answer any more"


LABEL = "named by the server, not verified"


def find_model(name: str, address: Address, listed: Sequence[Model] | Literal["none listed"]) -> Model | None:
    """What the server says of the model; None where it lists none.

    Raises:
        AnatomyR1Error: when the server lists its models and this is none of them.
    """
    if listed == "none listed":
        return None
    found = next((model for model in listed if model.id == name), None)
    if found is None:
        others = clean(", ".join(model.id for model in listed if isinstance(model, Model)))
        raise AnatomyR1Error(f"{address.base}: serves no model {name}. Fix: --model, one of {others or '(none)'}")
    return found


def server_identity(name: str, address: Address, model: Model | None) -> str:
    """Model, host and what the server says of the model, under a label that says what this is worth."""
    if model is None:
        return f"{name} at {address.host} ({LABEL}; it lists no models)"
    said = sorted(model.model_dump(exclude={"id"}, exclude_none=True).items())
    return f"{name} at {address.host} ({'; '.join([LABEL, *(f'{part} {clean(str(value))}' for part, value in said)])})"


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
            raise AnatomyR1Error("the engine server has no address. Fix: --base-url http://127.0.0.1:8000/v1")
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
