"""Requests to an OpenAI-compatible server over the `openai` client, and why one has no usable response.

A body that is not a chat completion (a truncated one, HTML, another shape) counts as a broken connection, so that the
client retries the request. What would come again is not retried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import openai
from pydantic import BaseModel, TypeAdapter, ValidationError

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import Job, response_seed
from anatomy_r1.evaluation.engines.server_errors import (
    CHECK,
    LOWER_LIMIT,
    NOT_OPENAI,
    clean,
    cure_refusal,
    cure_said,
    describe,
    fix,
    is_filtered,
    refused_arguments,
)
from anatomy_r1.evaluation.engines.server_messages import as_messages
from anatomy_r1.evaluation.engines.server_reply import (
    Malformed,
    Reply,
    Unusable,
    first_error,
    read_completion,
    read_reply,
)

SEED_BITS = 31
"""Size of a response's seed: every server accepts that many bits."""
SAME_COMMAND = "then run the same command again; it requests only the missing responses"


@dataclass(frozen=True, slots=True)
class RequestForm:
    """How a server wants its requests."""

    model: str
    left_out: frozenset[str] = frozenset()
    """Of `OPTIONAL`: the arguments that are not sent, so that the server decides."""
    limit_name: str = "max_tokens"
    """Or `max_completion_tokens`, as OpenAI's reasoning models want it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a usable response."""

    question_id: str
    reason: str
    fix: str = ""
    """Set if every other request would fail in the same way: a wrong key, address or model."""
    afterwards: str = SAME_COMMAND


FILTERED = Reply("", "content_filter", "", "", "", 0, 0)
"""The response to a question that the provider's filter kept from the model: asking again would not change it."""


async def check_body(response: httpx2.Response) -> None:
    """Treat a body that is not a chat completion as a broken connection, but for what asking again would not mend.

    Nor is asked again, whatever the status, where the text of an error says that it would be in vain.
    """
    if not response.is_success and cure_said((await response.aread()).decode(errors="replace")):
        response.headers["x-should-retry"] = "false"  # which the client obeys
    if response.is_success and response.request.method == "POST":
        try:
            read_completion(await response.aread())
        except Malformed as error:
            raise httpx2.RemoteProtocolError(str(error), request=response.request) from error
        except Unusable:
            pass  # told by `request_completion`


async def request_completion(
    client: openai.AsyncOpenAI, job: Job, form: RequestForm, max_length: int | None = None
) -> tuple[Reply, float] | Failure:
    """One response and its seconds, or why there is none.

    `max_length`: tokens that prompt and response may have together.
    """
    question, limit = job.key.question_id, job.sampling.max_new_tokens
    try:
        raw = await client.chat.completions.with_raw_response.create(**arguments(job, form))
        reply = read_reply(read_completion(raw.content), limit)
    except Unusable as error:
        return _unusable(question, error)
    except openai.OpenAIError as error:
        if is_filtered(error):
            return FILTERED, 0.0
        if cure := cure_refusal(refused_arguments(error) - form.left_out, form.limit_name):
            return Failure(question, describe(error), cure, "which is another run")
        return _failed(question, describe(error), fix(error))
    return _failure(question, reply, limit, max_length) or (reply, raw.elapsed.total_seconds())


def arguments(job: Job, form: RequestForm) -> dict[str, Any]:
    """All arguments of a request, each stated, since a server would take missing ones from the checkpoint.

    `skip_special_tokens`: the answer tags are special tokens of some models, and would be lost.
    """
    sampling = job.sampling
    return request_arguments(
        form,
        as_messages(job),
        sampling.max_new_tokens,
        {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,  # -1 means all tokens for both vLLM and SGLang; SGLang rejects 0
            "repetition_penalty": sampling.repetition_penalty,
            "seed": response_seed(job.key, SEED_BITS),
        },
    )


def request_arguments(
    form: RequestForm, messages: list[dict[str, Any]], limit: int, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a request in a server's form; `values` of those that differ from one response to another."""
    optional = {"presence_penalty": 0.0, "frequency_penalty": 0.0, "n": 1, "min_p": 0.0, "skip_special_tokens": False}
    sent = {name: value for name, value in {**optional, **values}.items() if name not in form.left_out}
    more = {name: sent.pop(name) for name in NOT_OPENAI if name in sent}
    required = {"model": form.model, "messages": messages, form.limit_name: limit, "stream": False}
    return {**required, **sent, "extra_body": more or None}


def _failed(question: str, reason: str, cure: str) -> Failure:
    """A failure that comes with every other request, if it has a cure: with a lower limit, the run is another one."""
    return Failure(question, reason, cure, "which is another run" if cure == LOWER_LIMIT else SAME_COMMAND)


def _unusable(question: str, error: Unusable) -> Failure:
    reason = clean(str(error))
    if error.alone:
        return Failure(question, f"{reason}: {error.fix}")
    return _failed(question, reason, error.fix or cure_said(reason))


def _failure(question: str, reply: Reply, limit: int, max_length: int | None) -> Failure | None:
    """Why a response cannot be used; None if it can."""
    if reply.tokens > limit:
        return Failure(question, "more tokens than max_tokens allows: the server ignores it")
    if max_length and reply.prompt_tokens + limit > max_length:
        # vLLM answers anyway, with fewer tokens than were allowed: not the sampling parameters in the key
        reason = f"a prompt of {reply.prompt_tokens} tokens and {limit} new ones exceed the server's {max_length}"
        return Failure(question, reason, "lower --max-new-tokens, or start the server with a longer context")
    return None


class Model(BaseModel):
    """A server's description of a model, without vLLM's `created` and `permission`, which change with every request."""

    id: str
    max_model_len: int | None = None
    owned_by: str | None = None
    parent: str | None = None
    root: str | None = None


class Models(BaseModel):
    """The body of GET /models; some hosts send the bare list."""

    data: list[Model]


_MODELS: TypeAdapter[Models | list[Model]] = TypeAdapter(Models | list[Model])
Read = TypeVar("Read")


async def list_models(client: openai.AsyncOpenAI) -> list[Model] | None:
    """The models that the server lists; None if it lists none at all."""
    try:
        raw = await client.models.with_raw_response.list()
        found = _read_models(_MODELS.validate_json, raw.content)
        return found.data if isinstance(found, Models) else found
    except openai.APIStatusError as error:
        if error.status_code in (404, 405, 501):
            return None
        raise unreachable(client, error) from None
    except (openai.OpenAIError, Malformed) as error:
        raise unreachable(client, error) from None


def _read_models(read: Callable[[bytes], Read], body: bytes) -> Read:
    try:
        return read(body)
    except ValidationError as error:
        raise Malformed(f"no list of models ({first_error(error)})") from None


def unreachable(client: openai.AsyncOpenAI, error: Exception) -> AnatomyR1Error:
    """The error of a server that does not answer, before any question is sent."""
    what = fix(error) or CHECK
    return AnatomyR1Error(f"{str(client.base_url).rstrip('/')}: {describe(error)}. Fix: {what}")
