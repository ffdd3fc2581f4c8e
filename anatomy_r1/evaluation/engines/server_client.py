"""Requests to an OpenAI-compatible server over the `openai` client, and what they are made of and answered with.

A body that is not a chat completion (a truncated one, HTML, another shape) counts as a broken connection, so that the
client retries the request. Error texts never contain the API key.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal, TypeVar

import httpx2
import openai
from pydantic import BaseModel, Field, NonNegativeInt, TypeAdapter, ValidationError

from anatomy_r1.data.shown import LazyImages, bytes_hash, image_bytes, unreadable
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.engine import content_parts
from anatomy_r1.evaluation.engines.jobs import Job, joint_hash, response_seed
from anatomy_r1.response_log.response import Response


class Malformed(Exception):  # noqa: N818
    """The body does not follow the API; the message says where, without quoting the body."""


class Message(BaseModel):
    """The text; null if the server withheld it."""

    content: str | None
    refusal: str | None = None


class Choice(BaseModel):
    """One completion. With any other finish reason (a tool call, an abort) the question is not answered."""

    message: Message
    finish_reason: Literal["stop", "length", "content_filter"]


class Usage(BaseModel):
    """Required, since a guess must not enter the log."""

    prompt_tokens: NonNegativeInt
    completion_tokens: NonNegativeInt


class Completion(BaseModel):
    """The fields used here of a chat completion (platform.openai.com/docs/api-reference/chat/object).

    Validated strictly: an incomplete one is an error, never an empty completion.
    """

    choices: list[Choice] = Field(min_length=1, max_length=1)
    usage: Usage

    @property
    def text(self) -> str | None:
        """The completion or refusal; None if there is neither, except that a filtered completion may be empty."""
        message, reason = self.choices[0].message, self.choices[0].finish_reason
        text = message.content if message.content is not None else message.refusal
        return "" if text is None and reason == "content_filter" else text


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


Read = TypeVar("Read")
_MODELS: TypeAdapter[Models | list[Model]] = TypeAdapter(Models | list[Model])


def read_completion(body: bytes) -> Completion:
    """The completion in the body of a response."""
    return _validated(Completion.model_validate_json, body, "no chat completion")


def _validated(read: Callable[[bytes], Read], body: bytes, problem: str) -> Read:
    try:
        return read(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Malformed(f"{problem} ({f'{place}: ' if place else ''}{first['msg']})") from None


def as_prompt(turns: Sequence[dict[str, Any]]) -> str:
    """Turns as JSON, with images as bare placeholders: the prompt of a server, which renders its template itself."""
    return json.dumps([{**turn, "content": content_parts(turn["content"])} for turn in turns], ensure_ascii=False)


def as_messages(job: Job) -> list[dict[str, Any]]:
    """A job's prompt, from `as_prompt`, with its images as base64 of exactly the bytes that the image hash covers."""
    urls = iter(_data_urls(job))
    turns: list[dict[str, Any]] = json.loads(job.prompt)
    count = sum(part["type"] == "image" for turn in turns for part in turn["content"])
    if count != len(job.pictures):
        raise AnatomyR1Error(
            f"question {job.key.question_id}: {len(job.pictures)} images, but {count} placeholders for them"
        )
    for turn in turns:
        turn["content"] = [
            {"type": "image_url", "image_url": {"url": next(urls)}} if part["type"] == "image" else part
            for part in turn["content"]
        ]
    return turns


def _data_urls(job: Job) -> list[str]:
    if not job.pictures:
        return []
    if not isinstance(job.pictures, LazyImages):
        raise AnatomyR1Error(f"question {job.key.question_id}: an image without a file. Fix: use this project's tasks")
    files = [image_bytes(path) for path in job.pictures.paths]
    if joint_hash([bytes_hash(content) for content in files]) != job.key.image_hash:
        named = ", ".join(job.pictures.paths)
        raise AnatomyR1Error(f"{named}: the image changed during the run. Fix: `anatomy-r1 data check`, then rerun")
    return [
        f"data:{_media_type(path, content)};base64,{base64.b64encode(content).decode()}"
        for path, content in zip(job.pictures.paths, files, strict=True)
    ]


def _media_type(path: str, content: bytes) -> str:
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as image:
            return str(image.get_format_mimetype())
    except OSError as error:
        raise unreadable(path, error) from error


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


async def check_body(response: httpx2.Response) -> None:
    """Treat a body that is not a chat completion as a broken connection."""
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
    done = read_completion(raw.content)
    if failure := _failure(job, done, max_length):
        return failure
    reason, usage, seconds = done.choices[0].finish_reason, done.usage, raw.elapsed.total_seconds()
    return job.response(done.text or "", reason, usage.prompt_tokens, usage.completion_tokens, seconds)


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


async def list_models(client: openai.AsyncOpenAI) -> list[Model] | None:
    """The models that the server lists; None if it lists none at all."""
    try:
        raw = await client.models.with_raw_response.list()
        found = _validated(_MODELS.validate_json, raw.content, "no list of models")
        return found.data if isinstance(found, Models) else found
    except openai.APIStatusError as error:
        if error.status_code in (404, 405, 501):
            return None
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
    """The key from the environment, or `NO_KEY`; an error does not show it."""
    key = os.environ.get(KEY_VARIABLE, "").strip() or NO_KEY
    if not re.fullmatch(r"[!-~]+", key):
        raise AnatomyR1Error(f"{KEY_VARIABLE}: has a space or a non-ASCII character. Fix: set it again")
    return key
