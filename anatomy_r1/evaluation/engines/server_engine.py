"""The engine over an OpenAI-compatible server (vLLM, SGLang, a hosted model); responses are logged one by one.

The server applies its own chat template, which is unknown here. So the prompt hash of a response covers the chat
messages, with a placeholder for the image, and not the text that the model reads. The weights are what the server says
they are. A server may ignore the seed (SGLang does without `--enable-deterministic-inference`); it is still logged.

Questions and images leave this machine only if the user allows it, after a notice about the terms of the data.
Redirects are not followed, and requests to this machine do not use a proxy: both could send images elsewhere.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

import openai
from lm_eval.api.registry import register_model

from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.evaluation.engines.engine import Engine
from anatomy_r1.evaluation.engines.jobs import Job, JobQueue
from anatomy_r1.evaluation.engines.server_address import ServerAddress, check_upload, read_address
from anatomy_r1.evaluation.engines.server_client import (
    Failure,
    Model,
    RequestForm,
    check_body,
    list_models,
    request_completion,
)
from anatomy_r1.evaluation.engines.server_errors import NOT_OPENAI, OPTIONAL, api_key, clean
from anatomy_r1.evaluation.engines.server_messages import as_prompt
from anatomy_r1.evaluation.engines.server_observed import Observed
from anatomy_r1.evaluation.engines.server_probe import Probe, probe
from anatomy_r1.evaluation.engines.server_reply import Reply
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response

UNVERIFIED = "named by the server, not verified"
LIMIT_NAMES = ("max_tokens", "max_completion_tokens")
MIXED_FORMS = Failure(
    "",
    "its reasoning is in the text, though the server kept it apart before, or the other way round",
    "start the server as it was started for the earlier responses (with or without its reasoning parser)",
)


@register_model("anatomy-server")
class ServerEngine(Engine):
    """A model behind an OpenAI-compatible server; whatever can be checked is checked before any question is sent."""

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
        leave_out: str = "",
        max_tokens_name: str = "max_tokens",
        benchmark: str = "",
        progress: bool = True,
    ) -> None:
        """Check that the server can be reached and has the model, which goes by the server's own name.

        `base_url` usually ends in `/v1`. `timeout`: seconds without a byte after which a request has failed (300: our
        choice). `retries`: of a request that failed temporarily (8: our choice; about 40 s of waiting in all).
        `plain_openai`: leave out the arguments that OpenAI's own API rejects. `leave_out`: further arguments to leave
        out, separated by commas. `benchmark`: whose license terms to print before an upload.
        """
        super().__init__(log, seed, progress=progress)
        if not base_url:
            raise AnatomyR1Error("the engine server has no address. Fix: --base-url http://127.0.0.1:8000/v1")
        _check_kinds(concurrency=concurrency, retries=retries, timeout=timeout)
        if concurrency < 1 or retries < 0 or not timeout > 0:
            raise AnatomyR1Error("concurrency must be 1 or more, retries 0 or more, timeout above 0")
        _check_switches(allow_upload=allow_upload, plain_openai=plain_openai)
        self.address = read_address(base_url)
        upload = check_upload(self.address, benchmark, allow_upload)
        self.name = str(model)
        self._concurrency, self._timeout, self._retries = concurrency, timeout, retries
        form = RequestForm(self.name, _left_out(plain_openai, leave_out), _limit_name(max_tokens_name))
        listed, self._probe = asyncio.run(self._ask(form))
        self._form = self._probe.form
        found = _find_model(self.name, self.address, listed)
        self.weights = _identity(self.name, found)
        self._max_length = found.max_model_len if found else None
        self._observed = Observed(self._probe.reasoning)
        self.settings = _settings(self._probe)
        described = found.model_dump(exclude_none=True) if found else None
        self._reached = {"base_url": self.address.base, **upload, "model": described, "probe": self._probe.as_dict()}
        if progress:
            print(f"server: {self._probe.as_text()}", file=sys.stderr)
        for warning in self._probe.warnings():
            print(f"warning: {warning}", file=sys.stderr)

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the responses came from and what was observed: neither weights nor sampling, so in no key."""
        seen = self._observed.as_dict()
        return {**self._reached, **({"observed": seen} if seen else {})}

    async def _ask(self, form: RequestForm) -> tuple[list[Model] | None, Probe]:
        async with self._open() as client:
            listed = await list_models(client)
            _find_model(form.model, self.address, listed)
            return listed, await probe(client, form)

    def _open(self) -> openai.AsyncOpenAI:
        """A client, to be closed in the event loop in which it was used.

        It retries after a lost connection, a time-out, 408, 409, 429 or 5xx; with exponential back-off (0.5 to 8 s) and
        jitter, or after the time stated by Retry-After, up to two minutes.
        """
        hooks = cast("Any", {"response": [check_body]})
        http = openai.DefaultAsyncHttpxClient(
            trust_env=not self.address.loopback, follow_redirects=False, event_hooks=hooks
        )
        client = openai.AsyncOpenAI(
            base_url=self.address.base,
            api_key=api_key(),
            default_query=dict(self.address.query),
            http_client=http,
            timeout=self._timeout,
            max_retries=self._retries,
        )
        # Those that the client reads from OPENAI_ORG_ID and OPENAI_PROJECT_ID are of another service
        client.organization = client.project = None
        return client

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
        for notice in self._observed.notices():
            print(f"notice: {notice}", file=sys.stderr)
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
            if job.pictures and self._probe.images_refused:
                raise AnatomyR1Error(
                    f"{self.address.base}: takes no image ({self._probe.images_refused}). Fix: serve a model that "
                    "reads images, with its image part; the control --images none needs none"
                )
            found = await request_completion(client, job, self._form, self._max_length)
            if isinstance(found, Failure):
                tally.add(found)
            elif self._observed.mixes_forms(found[0]):
                tally.add(replace(MIXED_FORMS, question_id=job.key.question_id))
            else:
                self._observed.add(job, found[0])
                queue.add([_response(job, *found)])
                tally.add(None)
            if tally.hopeless:
                return


def _response(job: Job, reply: Reply, seconds: float) -> Response:
    more = {"opened": reply.opened, "reasoning": reply.reasoning, "raw": reply.raw}
    return job.response(reply.text, reply.finish_reason, reply.prompt_tokens, reply.tokens, seconds, **more)


def _check_kinds(**numbers: object) -> None:
    """Refuse what is no number; only the timeout may be a fraction."""
    for name, value in numbers.items():
        kinds = int | float if name == "timeout" else int
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise AnatomyR1Error(f"--{name} {value}: no number. Fix: --{name} {10 if name == 'timeout' else 1}")


def _check_switches(**switches: object) -> None:
    """Refuse words: `--engine-arg allow_upload=False` is a text, which Python takes for true."""
    for name, value in switches.items():
        if not isinstance(value, bool):
            option = name.replace("_", "-")
            raise AnatomyR1Error(f"{name} {value}: neither true nor false. Fix: --{option}, or leave it out")


def _left_out(plain: bool, names: str) -> frozenset[str]:
    """The arguments to leave out, from the options."""
    given = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := sorted(given - set(OPTIONAL)):
        others = ", ".join(sorted(OPTIONAL))
        raise AnatomyR1Error(f"--leave-out {unknown[0]}: not an argument that can be left out. Fix: any of {others}")
    return frozenset(given | (set(NOT_OPENAI) if plain else set()))


def _limit_name(name: str) -> str:
    if name not in LIMIT_NAMES:
        raise AnatomyR1Error(f"--max-tokens-name {name}: unknown. Fix: {' or '.join(LIMIT_NAMES)}")
    return name


def _settings(found: Probe) -> dict[str, Any]:
    """What decides a response besides the fields of `Sampling`: what else is sent, what is not, and its form."""
    left_out = found.form.left_out
    fixed = {"presence_penalty": 0.0, "frequency_penalty": 0.0, "min_p": 0.0, "skip_special_tokens": False}
    sent = {name: value for name, value in fixed.items() if name not in left_out}
    missing = {"not_sent": ", ".join(sorted(left_out))} if left_out else {}
    return {"engine": "server", **sent, **missing, **({"reasoning": "apart"} if found.reasoning else {})}


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
        first = next((one for one in self.failures if one.fix), Failure("", "", "resolve the reasons listed below"))
        head = (
            f"{server}: {missing} of {total} responses are missing ({named}); {total - missing} are in {log}. "
            f"Fix: {first.fix}, {first.afterwards}"
        )
        return "\n".join([head, *(f"  {count} x {reason}" for count, reason in self._reasons(missing) if count)])

    def _reasons(self, missing: int) -> Iterator[tuple[int, str]]:
        reasons = Counter(failure.reason for failure in self.failures).most_common()
        yield from ((count, reason) for reason, count in reasons[:8])
        yield sum(count for _, count in reasons[8:]), "other reasons"
        alike = any(failure.fix for failure in self.failures)
        why = "they would have failed in the same way" if alike else f"{self.in_a_row} requests in a row had failed"
        yield missing - len(self.failures), f"not requested: {why}"


def _find_model(name: str, address: ServerAddress, listed: Sequence[Model] | None) -> Model | None:
    """The server's description of a model; None if it does not list its models."""
    if listed is None:
        return None
    found = next((model for model in listed if model.id == name), None)
    if found is None:
        others = clean(", ".join(model.id for model in listed))
        raise AnatomyR1Error(f"{address.base}: serves no model {name}. Fix: --model, one of {others or '(none)'}")
    return found


def _identity(name: str, model: Model | None) -> str:
    """Model and the server's description of it, marked as unverified.

    Not where it is served, nor how long a context: neither changes the weights. `root` and `parent` are what is served
    under the name, and may differ from one day to the next.
    """
    if model is None:
        return f"{name} ({UNVERIFIED}; it lists no models)"
    stated = sorted(model.model_dump(exclude={"id", "max_model_len"}, exclude_none=True).items())
    about = [UNVERIFIED, *(f"{part} {clean(str(value))}" for part, value in stated)]
    return f"{name} ({'; '.join(about)})"
