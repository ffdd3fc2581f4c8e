"""Requests to an OpenAI-compatible server over the `openai` client, and why one has no usable response.

A body that is not a chat completion (a truncated one, HTML, another shape) counts as a broken connection, so that the
client retries the request. What would come again is not retried. Error texts never contain the API key.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import openai
from pydantic import BaseModel, TypeAdapter, ValidationError

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import Job, response_seed
from anatomy_r1.evaluation.engines.server_messages import as_messages
from anatomy_r1.evaluation.engines.server_reply import (
    Malformed,
    Reply,
    Unusable,
    first_error,
    read_completion,
    read_reply,
)

KEY_VARIABLE = "ANATOMY_R1_API_KEY"
NO_KEY = "none"
"""Sent if there is no key, since the client requires one."""
SEED_BITS = 31
"""Size of a response's seed: every server accepts that many bits."""
NOT_OPENAI = ("min_p", "repetition_penalty", "skip_special_tokens", "top_k")
"""Arguments that vLLM and SGLang take, and that OpenAI's own API rejects."""
OPTIONAL = (*NOT_OPENAI, "frequency_penalty", "n", "presence_penalty", "seed", "temperature", "top_p")
"""Arguments that can be left out of the requests."""
CHECK = "check the server and --base-url, then run the same command"
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


async def check_body(response: httpx2.Response) -> None:
    """Treat a body that is not a chat completion as a broken connection, but for what asking again would not mend."""
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
        return Failure(question, clean(str(error)), error.fix)
    except openai.OpenAIError as error:
        if cure := cure_refusal(refused_arguments(error) - form.left_out, form):
            return Failure(question, describe(error), cure, "which is another run")
        return Failure(question, describe(error), fix(error))
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


def refused_arguments(error: Exception) -> frozenset[str]:
    """The arguments, of `OPTIONAL` and `max_tokens`, that an error says the server or its model does not take."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 422):
        return frozenset()
    known, said = {*OPTIONAL, "max_tokens"}, stated_error(error)
    if error.param in known:
        named = {str(error.param)}
    else:
        named = {name for name in known - {"n"} if re.search(rf"(?<!\w){name}(?!\w)", said)}
        named |= {"n"} if re.search(r"""['"`]n['"`]""", said) else set()
    if re.search(r"too large|context length|exceed|too long|reached", said, re.IGNORECASE):
        named -= {"max_tokens"}
    # A server that lists what it does take names more than it refuses
    return frozenset(named & set(NOT_OPENAI) or named)


def cure_refusal(refused: frozenset[str], form: RequestForm) -> str:
    """The options that leave refused arguments out; empty if none was refused."""
    others = sorted(refused - {*NOT_OPENAI, "max_tokens"})
    cures = ["--plain-openai"] if refused & {*NOT_OPENAI} else []
    if "max_tokens" in refused and form.limit_name == "max_tokens":
        cures.append("--max-tokens-name max_completion_tokens")
    if others:
        cures.append(f"--leave-out {','.join(others)}")
    greedy = " (the model then samples at its own temperature, the responses called greedy too)"
    return f"add {' '.join(cures)}{greedy if 'temperature' in others else ''}" if cures else ""


def fix(error: Exception) -> str:
    """The fix for an error that every request would meet; empty for any other."""
    status = getattr(error, "status_code", 0)
    if status in (401, 403):
        return f"put the server's key into the environment variable {KEY_VARIABLE}"
    if status == 404 or isinstance(error, Malformed):
        return "check --model and --base-url, which usually ends in /v1"
    return "pass the server's own address as --base-url; redirects are not followed" if 300 <= status < 400 else ""


def stated_error(error: openai.APIStatusError) -> str:
    """The text of an error; the whole body if the client found none in it, as in FastAPI's."""
    message = error.message.removeprefix(f"Error code: {error.status_code}").removeprefix(" - ")
    return message or (json.dumps(error.body) if error.body else "")


def describe(error: Exception) -> str:
    """An error in one line, without key, headers or control characters; the text may come from an unknown server."""
    cause = error.__cause__
    if isinstance(error, openai.APIStatusError):
        message = stated_error(error)
        text = f"HTTP {error.status_code} ({message})" if message else f"HTTP {error.status_code}"
    elif isinstance(error, openai.APITimeoutError):
        text = "time-out"
    elif isinstance(cause, httpx2.RemoteProtocolError) and isinstance(cause.__cause__, Malformed):
        text = str(cause)
    elif isinstance(error, openai.APIConnectionError):
        text = f"no connection ({type(cause).__name__})"
    else:
        text = str(error)
    return clean(text)


def clean(text: str) -> str:
    """A server's text made safe for terminal and log: one line, at most 200 characters, without the key."""
    key = api_key()
    hidden = text if key == NO_KEY else text.replace(key, "***")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in hidden).split())
    return line if len(line) <= 200 else line[:200] + " ..."


def api_key() -> str:
    """The key from the environment, or `NO_KEY`; an error does not show it."""
    key = os.environ.get(KEY_VARIABLE, "").strip() or NO_KEY
    if not re.fullmatch(r"[!-~]+", key):
        raise AnatomyR1Error(f"{KEY_VARIABLE}: has a space or a non-ASCII character. Fix: set it again")
    return key
