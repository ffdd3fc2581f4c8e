"""A server's responses, validated strictly: an incomplete one is an error, never an empty completion."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, NonNegativeInt, TypeAdapter, ValidationError


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
    """Token counts; required, since a guess must not enter the log."""

    prompt_tokens: NonNegativeInt
    completion_tokens: NonNegativeInt


class Completion(BaseModel):
    """The fields used here of a chat completion (platform.openai.com/docs/api-reference/chat/object)."""

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


_MODELS: TypeAdapter[Models | list[Model]] = TypeAdapter(Models | list[Model])


def read_completion(body: bytes) -> Completion:
    """The completion in the body of a response.

    Raises:
        Malformed: when it is not JSON, or a field is missing or has another type.
    """
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        raise Malformed(f"no chat completion ({_first(error)})") from None


def read_models(body: bytes) -> list[Model]:
    """The models in the body of a response.

    Raises:
        Malformed: as `read_completion`.
    """
    try:
        found = _MODELS.validate_json(body)
    except ValidationError as error:
        raise Malformed(f"no list of models ({_first(error)})") from None
    return found.data if isinstance(found, Models) else found


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
