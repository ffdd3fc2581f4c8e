"""What a server answers, read strictly: an answer that is not whole is no answer, and never an empty response."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, NonNegativeInt, TypeAdapter, ValidationError


class Malformed(Exception):  # noqa: N818  # what it is, not that it is an error
    """The body is not what the API promises; says where, without the body's own text."""


class Message(BaseModel):
    """The text; null where the server kept it to itself."""

    content: str | None
    refusal: str | None = None


class Choice(BaseModel):
    """One completion. Any other reason to finish (a tool call, an abort) left the question unanswered."""

    message: Message
    finish_reason: Literal["stop", "length", "content_filter"]


class Usage(BaseModel):
    """Tokens; a server that does not count them would have us write down a number that nobody measured."""

    prompt_tokens: NonNegativeInt
    completion_tokens: NonNegativeInt


class Completion(BaseModel):
    """A chat completion, as far as it is used here (platform.openai.com/docs/api-reference/chat/object)."""

    choices: list[Choice] = Field(min_length=1, max_length=1)
    usage: Usage

    @property
    def text(self) -> str | None:
        """What was said; None where nothing was given. A filtered response may be empty, any other must be a text."""
        message, reason = self.choices[0].message, self.choices[0].finish_reason
        said = message.content if message.content is not None else message.refusal
        return "" if said is None and reason == "content_filter" else said


class Model(BaseModel):
    """What a server says about a model. vLLM's `created` and `permission` change with every request: left out."""

    id: str
    max_model_len: int | None = None
    owned_by: str | None = None
    parent: str | None = None
    root: str | None = None


class Models(BaseModel):
    """The answer to GET /models; some hosts send the list bare."""

    data: list[Model]


_MODELS: TypeAdapter[Models | list[Model]] = TypeAdapter(Models | list[Model])


def read_completion(body: bytes) -> Completion:
    """A completion from the body of a response.

    Raises:
        Malformed: when it is not JSON, or any part that is used here is missing or of another kind.
    """
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        raise Malformed(f"no chat completion ({_first(error)})") from None


def read_models(body: bytes) -> list[Model]:
    """The models of a server.

    Raises:
        Malformed: as above.
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
