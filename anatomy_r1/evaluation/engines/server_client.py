"""Asking an OpenAI-compatible server, over the `openai` client: it retries, waits and honours Retry-After by itself.

A body that is no chat completion (half of one, HTML, another shape) counts as a broken connection, so that it is asked
for again under the same rule. Redirects are not followed, and nothing for this machine goes through a proxy: both would
carry pictures elsewhere.

Why a server gave no answer, in words that hold no key.
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
from anatomy_r1.evaluation.engines.server_address import Address
from anatomy_r1.evaluation.engines.server_schema import Completion, Malformed, Model, read_completion, read_models
from anatomy_r1.response_log.response import Response

KEY_VARIABLE = "ANATOMY_R1_API_KEY"
NO_KEY = "none"
"""Sent where there is no key; the client wants some text."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that got no answer."""

    question_id: str
    reason: str
    fix: str = ""
    """Stated where every other request would fail alike, for want of a key, an address or a model."""


def api_key() -> str:
    """The key from the environment, or `NO_KEY`.

    Raises:
        AnatomyR1Error: when it holds what no header can carry. The message does not show it.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip() or NO_KEY
    if not re.fullmatch(r"[!-~]+", key):
        raise AnatomyR1Error(f"{KEY_VARIABLE}: holds a space or a character beyond ASCII. Fix: set it anew")
    return key


def describe(error: Exception) -> str:
    """What went wrong, in a line without key, headers or control characters: the text may be a stranger's."""
    cause = error.__cause__
    if isinstance(error, openai.APIStatusError):
        said = error.message.removeprefix(f"Error code: {error.status_code}").removeprefix(" - ")
        text = f"HTTP {error.status_code} ({said})" if said else f"HTTP {error.status_code}"
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
    """Text of a server, fit for a terminal and a log: one line, at most 200 characters, without the key."""
    key = api_key()
    hidden = text if key == NO_KEY else text.replace(key, "***")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in hidden).split())
    return line if len(line) <= 200 else line[:200] + " ..."


def fix(error: Exception) -> str:
    """The way out of a failure that would meet every request; empty for any other."""
    status = getattr(error, "status_code", 0)
    if status in (401, 403):
        return f"put the server's key into the environment variable {KEY_VARIABLE}"
    if status == 404 or isinstance(error, Malformed):
        return "check --model and --base-url, which mostly ends in /v1"
    return "name the server's own address as --base-url; redirects are not followed" if 300 <= status < 400 else ""


SEED_BITS = 31
"""Of a response's seed: every server takes so many."""


def open_client(address: Address, timeout: float, retries: int) -> openai.AsyncOpenAI:
    """A client for `address`; to be closed in the event loop that it was used in.

    Args:
        address: of the server.
        timeout: seconds without a byte after which a request counts as lost.
        retries: after a lost connection, a time-out, 408, 409, 429 or 5xx; with exponential back-off (0.5 to 8 s) and
            jitter, or as long as Retry-After says, up to two minutes.
    """
    hooks = {"response": [_whole]}
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
    # Not another service's, which the client takes from OPENAI_ORG_ID and OPENAI_PROJECT_ID
    client.organization = client.project = None
    return client


async def _whole(response: httpx2.Response) -> None:
    if response.is_success and response.request.method == "POST":
        try:
            read_completion(await response.aread())
        except Malformed as error:
            raise httpx2.RemoteProtocolError(str(error), request=response.request) from error


def arguments(job: Job, model: str, plain: bool) -> dict[str, Any]:
    """Every argument of a request; nothing is left to the server, which would take it from a checkpoint's own file.

    `plain` leaves out what OpenAI's own API refuses: `top_k`, `min_p` and `repetition_penalty`.
    """
    key, sampling = job.key, job.sampling
    # -1 is all tokens for vLLM and SGLang alike; SGLang refuses 0
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


async def ask(
    client: openai.AsyncOpenAI, job: Job, model: str, plain: bool, longest: int | None = None
) -> Response | Failure:
    """One response, or why there is none. `longest`: tokens that prompt and response may have together."""
    try:
        raw = await client.chat.completions.with_raw_response.create(**arguments(job, model, plain))
    except openai.OpenAIError as error:
        return Failure(job.key.question_id, describe(error), fix(error))
    said = read_completion(raw.content)
    return _unfit(job, said, longest) or _response(job, said, raw.elapsed.total_seconds())


def _unfit(job: Job, said: Completion, longest: int | None) -> Failure | None:
    new, question = job.sampling.max_new_tokens, job.key.question_id
    if said.text is None:
        return Failure(question, "a text kept back, content null (a server with a reasoning parser? start it without)")
    if said.usage.completion_tokens > new:
        return Failure(question, "more tokens than max_tokens allows: the server ignores it")
    if longest and said.usage.prompt_tokens + new > longest:
        # vLLM answers all the same, with fewer tokens than it was allowed: another sampling argument than the key's
        what = f"a prompt of {said.usage.prompt_tokens} tokens and {new} new ones exceed the server's {longest}"
        return Failure(question, what, "lower --max-new-tokens, or start the server with a longer context")
    return None


def _response(job: Job, said: Completion, seconds: float) -> Response:
    return Response(
        job.key,
        said.text or "",
        said.choices[0].finish_reason,
        prompt_tokens=said.usage.prompt_tokens,
        tokens=said.usage.completion_tokens,
        seconds=seconds,
        style=job.style,
        images=job.images,
        shown=job.shown,
    )


async def ask_for_models(client: openai.AsyncOpenAI) -> list[Model] | Literal["none listed"]:
    """What the server says it serves.

    Raises:
        AnatomyR1Error: when it cannot be reached or refuses.
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
    what = fix(error) or "see to the server and --base-url, then run the same command"
    return AnatomyR1Error(f"{str(client.base_url).rstrip('/')}: {describe(error)}. Fix: {what}")
