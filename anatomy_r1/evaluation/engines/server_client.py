"""Asking an OpenAI-compatible server, over the `openai` client: it retries, waits and honours Retry-After by itself.

A body that is no chat completion (half of one, HTML, another shape) counts as a broken connection, so that it is asked
for again under the same rule. Redirects are not followed, and nothing for this machine goes through a proxy: both would
carry pictures elsewhere.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import httpx2
import openai

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.chat import as_messages
from anatomy_r1.evaluation.engines.jobs import Job
from anatomy_r1.evaluation.engines.sampling import response_seed
from anatomy_r1.evaluation.engines.server_address import Address
from anatomy_r1.evaluation.engines.server_failures import Failure, api_key, cure, describe
from anatomy_r1.evaluation.engines.server_schema import Completion, Malformed, Model, read_completion, read_models
from anatomy_r1.response_log.response import Response

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
        return Failure(job.key.question_id, describe(error), cure(error))
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
    what = cure(error) or "see to the server and --base-url, then run the same command"
    return AnatomyR1Error(f"{str(client.base_url).rstrip('/')}: {describe(error)}. Cure: {what}")
