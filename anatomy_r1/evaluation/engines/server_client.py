"""Requests to an OpenAI-compatible server over the `openai` client, which retries and honors Retry-After by itself.

A body that is not a chat completion (a truncated one, HTML, another shape) counts as a broken connection, so that the
request is retried. Redirects are not followed, and requests to this machine do not use a proxy: both could send images
elsewhere. Error texts never contain the API key.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Literal, cast

import httpx2
import openai

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.chat import as_messages
from anatomy_r1.evaluation.engines.jobs import Job, response_seed
from anatomy_r1.evaluation.engines.server_address import ServerAddress
from anatomy_r1.evaluation.engines.server_schema import Completion, Malformed, Model, read_completion, read_models
from anatomy_r1.response_log.response import Response

KEY_VARIABLE = "ANATOMY_R1_API_KEY"
NO_KEY = "none"
"""Sent if there is no key, since the client requires one."""
SEED_BITS = 31
"""Size of a response's seed: every server accepts that many bits."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a usable response."""

    question_id: str
    reason: str
    fix: str = ""
    """Set if every other request would fail in the same way: a wrong key, address or model."""


def open_client(address: ServerAddress, timeout: float, retries: int) -> openai.AsyncOpenAI:
    """A client for `address`; to be closed in the event loop in which it was used.

    Args:
        address: of the server.
        timeout: seconds without a byte after which a request has failed.
        retries: after a lost connection, a time-out, 408, 409, 429 or 5xx; with exponential back-off (0.5 to 8 s) and
            jitter, or after the time stated by Retry-After, up to two minutes.
    """
    hooks = {"response": [_check_body]}
    http = openai.DefaultAsyncHttpxClient(
        trust_env=not address.loopback, follow_redirects=False, event_hooks=cast("Any", hooks)
    )
    client = openai.AsyncOpenAI(
        base_url=address.base,
        api_key=api_key(),
        default_query=dict(address.query),
        http_client=http,
        timeout=timeout,
        max_retries=retries,
    )
    # Those that the client reads from OPENAI_ORG_ID and OPENAI_PROJECT_ID are of another service
    client.organization = client.project = None
    return client


async def _check_body(response: httpx2.Response) -> None:
    if response.is_success and response.request.method == "POST":
        try:
            read_completion(await response.aread())
        except Malformed as error:
            raise httpx2.RemoteProtocolError(str(error), request=response.request) from error


async def request_completion(
    client: openai.AsyncOpenAI, job: Job, model: str, plain: bool, max_length: int | None = None
) -> Response | Failure:
    """One response, or why there is none. `max_length`: tokens that prompt and response may have together."""
    try:
        raw = await client.chat.completions.with_raw_response.create(**arguments(job, model, plain))
    except openai.OpenAIError as error:
        return Failure(job.key.question_id, describe(error), fix(error))
    completion = read_completion(raw.content)
    return _failure(job, completion, max_length) or _response(job, completion, raw.elapsed.total_seconds())


def arguments(job: Job, model: str, plain: bool) -> dict[str, Any]:
    """All arguments of a request, each stated, since a server would take missing ones from the checkpoint.

    `plain` leaves out what OpenAI's own API rejects: `top_k`, `min_p` and `repetition_penalty`.
    """
    key, sampling = job.key, job.sampling
    # -1 means all tokens for both vLLM and SGLang; SGLang rejects 0
    more = {"top_k": sampling.top_k or -1, "min_p": 0.0, "repetition_penalty": sampling.repetition_penalty}
    return {
        "model": model,
        "messages": as_messages(job),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_new_tokens,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "n": 1,
        "seed": response_seed(key, SEED_BITS),
        "stream": False,
        "extra_body": None if plain else more,
    }


def _failure(job: Job, completion: Completion, max_length: int | None) -> Failure | None:
    """Why a completion cannot be used; None if it can."""
    new, question, usage = job.sampling.max_new_tokens, job.key.question_id, completion.usage
    if completion.text is None:
        return Failure(question, "no text, content null (a server with a reasoning parser? start it without)")
    if usage.completion_tokens > new:
        return Failure(question, "more tokens than max_tokens allows: the server ignores it")
    if max_length and usage.prompt_tokens + new > max_length:
        # vLLM answers anyway, with fewer tokens than were allowed: not the sampling parameters in the key
        reason = f"a prompt of {usage.prompt_tokens} tokens and {new} new ones exceed the server's {max_length}"
        return Failure(question, reason, "lower --max-new-tokens, or start the server with a longer context")
    return None


def _response(job: Job, completion: Completion, seconds: float) -> Response:
    return Response(
        job.key,
        completion.text or "",
        completion.choices[0].finish_reason,
        prompt_tokens=completion.usage.prompt_tokens,
        tokens=completion.usage.completion_tokens,
        seconds=seconds,
        style=job.style,
        images=job.images,
        shown=job.shown,
    )


async def list_models(client: openai.AsyncOpenAI) -> list[Model] | Literal["none listed"]:
    """The models that the server lists.

    Raises:
        AnatomyR1Error: when the server cannot be reached or refuses.
    """
    try:
        raw = await client.models.with_raw_response.list()
        return read_models(raw.content)
    except openai.APIStatusError as error:
        if error.status_code in (404, 405, 501):
            return "none listed"
        raise _unreachable(client, error) from None
    except (openai.OpenAIError, Malformed) as error:
        raise _unreachable(client, error) from None


def _unreachable(client: openai.AsyncOpenAI, error: Exception) -> AnatomyR1Error:
    what = fix(error) or "check the server and --base-url, then run the same command"
    return AnatomyR1Error(f"{str(client.base_url).rstrip('/')}: {describe(error)}. Fix: {what}")


def fix(error: Exception) -> str:
    """The fix for an error that every request would meet; empty for any other."""
    status = getattr(error, "status_code", 0)
    if status in (401, 403):
        return f"put the server's key into the environment variable {KEY_VARIABLE}"
    if status == 404 or isinstance(error, Malformed):
        return "check --model and --base-url, which usually ends in /v1"
    return "pass the server's own address as --base-url; redirects are not followed" if 300 <= status < 400 else ""


def describe(error: Exception) -> str:
    """An error in one line, without key, headers or control characters; the text may come from an unknown server."""
    cause = error.__cause__
    if isinstance(error, openai.APIStatusError):
        message = error.message.removeprefix(f"Error code: {error.status_code}").removeprefix(" - ")
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
    """The key from the environment, or `NO_KEY`.

    Raises:
        AnatomyR1Error: when it has characters that a header cannot have. The message does not show it.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip() or NO_KEY
    if not re.fullmatch(r"[!-~]+", key):
        raise AnatomyR1Error(f"{KEY_VARIABLE}: has a space or a non-ASCII character. Fix: set it again")
    return key
