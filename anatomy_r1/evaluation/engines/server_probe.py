"""One request before the first question: what a server supports, and how it answers.

The probe asks about a small grey image that is made here, with every argument that the run will send. So a server that
refuses an argument or an image is told apart, with the option that helps, before any question is asked. The answer is
not a response and never logged as one; what was learnt from it is recorded with the run.

Only the name of the token limit is chosen by the probe: `max_completion_tokens` where `max_tokens` is refused, since
both mean the same. To leave an argument out changes what is measured, so that an option must ask for it.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from typing import Any

import openai

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.server_client import RequestForm, request_arguments, unreachable
from anatomy_r1.evaluation.engines.server_errors import (
    CHECK,
    clean,
    cure_refusal,
    cure_said,
    describe,
    fix,
    refused_arguments,
    stated_error,
)
from anatomy_r1.evaluation.engines.server_messages import data_url
from anatomy_r1.evaluation.engines.server_reply import (
    Completion,
    Reply,
    Unusable,
    read_completion,
    read_finish_reason,
    read_reply,
)

QUESTION = "What colour is this? Think it over, then answer with one word."
SIDE = 64
"""Of the image, in pixels: the smallest that common image processors take is 28."""
LIMITS = (32, 1024)
"""Tokens of the answer (our choice); the second where a model refuses to be cut off so early."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server supports, as its answer to the probe shows."""

    form: RequestForm
    """With the name of the token limit that the server takes."""
    finish_reason: str
    """In the server's own spelling."""
    usage: bool
    """Whether tokens are counted."""
    reasoning: str
    """`apart` if the server keeps reasoning in a field of its own; empty if none was seen there."""
    content: str
    """`text`, `parts`, or `none`."""
    images_refused: str
    """What the server said to the image; empty if it took it."""

    def as_dict(self) -> dict[str, Any]:
        """For the record of the run."""
        found = asdict(self)
        found.pop("form")
        return found | {"limit_name": self.form.limit_name}

    def as_text(self) -> str:
        """One line for the user."""
        image = "image refused" if self.images_refused else "image taken"
        parts = [image, f"finish_reason {clean(self.finish_reason) or 'not stated'}"]
        parts.append("tokens counted" if self.usage else "tokens not counted")
        parts += ["reasoning kept apart"] if self.reasoning else []
        parts += ["content in parts"] if self.content == "parts" else []
        parts += ["limit sent as max_completion_tokens"] if self.form.limit_name != "max_tokens" else []
        return ", ".join(parts)

    def warnings(self) -> list[str]:
        """What a run over this server cannot check or does not do."""
        found = []
        if not self.usage:
            found.append(
                "the server does not count tokens (no usage): they are unknown in the log, and neither a limit that it "
                "ignores nor a prompt too long for it can be noticed"
            )
        if "temperature" in self.form.left_out:
            found.append("temperature is left to the server: the responses called greedy are sampled like the others")
        return found


@dataclass
class _Attempt:
    """What the next request will be like, and what the server refused so far."""

    form: RequestForm
    limit: int = LIMITS[0]
    image: bool = True
    images_refused: str = ""
    refused: frozenset[str] = frozenset()
    said: list[str] = field(default_factory=list)


async def probe(client: openai.AsyncOpenAI, form: RequestForm) -> Probe:
    """Ask once; again without what was refused, so that all refusals are known together.

    Raises:
        AnatomyR1Error: The server does not answer, refuses arguments, or ends its response in an unknown way.
    """
    attempt = _Attempt(form)
    while True:
        try:
            raw = await client.chat.completions.with_raw_response.create(**_arguments(attempt))
            done = read_completion(raw.content)
            break
        except openai.APIStatusError as error:
            if not _adapt(attempt, error):
                raise _failed(client, error) from None
        except openai.OpenAIError as error:
            raise unreachable(client, error) from None
        except Unusable as error:
            raise _unusable(client, error) from None
    if attempt.refused:
        cure = cure_refusal(attempt.refused, attempt.form.limit_name)
        named = ", ".join(sorted(attempt.refused))
        raise AnatomyR1Error(f"{_address(client)}: refuses {named}: {attempt.said[0]}. Nothing was asked. Fix: {cure}")
    return _read(client, attempt, done)


def _arguments(attempt: _Attempt) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": QUESTION}]
    if attempt.image:
        content.insert(0, {"type": "image_url", "image_url": {"url": _grey_image()}})
    values = {"temperature": 0.0, "top_p": 1.0, "top_k": -1, "repetition_penalty": 1.0, "seed": 0}
    form = replace(attempt.form, left_out=attempt.form.left_out | attempt.refused)
    return request_arguments(form, [{"role": "user", "content": content}], attempt.limit, values)


def _grey_image() -> str:
    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (SIDE, SIDE), "grey").save(file, "PNG")
    return data_url(file.getvalue(), "image/png")


def _adapt(attempt: _Attempt, error: openai.APIStatusError) -> bool:
    """Change the attempt by what an error says was refused; False if that is nothing new."""
    said, status = stated_error(error), error.status_code
    names = refused_arguments(error) - attempt.refused - attempt.form.left_out
    if "max_tokens" in names and attempt.form.limit_name == "max_tokens":
        attempt.form = replace(attempt.form, limit_name="max_completion_tokens")
    elif names := names - {"max_tokens"}:
        attempt.refused |= names
        attempt.said.append(describe(error))
    elif re.search(r"higher max|output limit", said) and attempt.limit < LIMITS[-1]:
        attempt.limit = LIMITS[-1]
    elif attempt.image and (status in (400, 413, 415, 422) or "image" in said):
        attempt.image, attempt.images_refused = False, describe(error)
    else:
        return False
    return True


def _read(client: openai.AsyncOpenAI, attempt: _Attempt, done: Completion) -> Probe:
    choice, usage = done.choices[0], done.usage
    tokens = usage.completion_tokens if usage else None
    try:
        read_finish_reason(choice.finish_reason, tokens, attempt.limit)
    except Unusable as error:
        raise _unusable(client, error) from None
    try:
        reply: Reply | None = read_reply(done, attempt.limit)
    except Unusable:  # no text: of one answer it is too early to say that it will be so with all
        reply = None
    content = choice.message.content
    return Probe(
        form=attempt.form,
        finish_reason=choice.finish_reason or "",
        usage=tokens is not None,
        reasoning="apart" if reply and reply.reasoning else "",
        content="parts" if isinstance(content, list) else "text" if content else "none",
        images_refused=attempt.images_refused,
    )


def _address(client: openai.AsyncOpenAI) -> str:
    return str(client.base_url).rstrip("/")


def _unusable(client: openai.AsyncOpenAI, error: Unusable) -> AnatomyR1Error:
    cure = (
        error.fix
        or cure_said(str(error))
        or "docs/servers.md says what is read; report what this server sends, or use another"
    )
    return AnatomyR1Error(f"{_address(client)}: answered the probe with {clean(str(error))}. Fix: {cure}")


def _failed(client: openai.AsyncOpenAI, error: openai.APIStatusError) -> AnatomyR1Error:
    lasting = 400 <= error.status_code < 500 and error.status_code != 429
    cure = fix(error) or ("mend what the server says, then run the same command" if lasting else CHECK)
    if re.search(r"\bstream", stated_error(error)):
        cure = "serve the model where whole responses are sent: streams are not read"
    return AnatomyR1Error(f"{_address(client)}: refused the probe: {describe(error)}. Fix: {cure}")
