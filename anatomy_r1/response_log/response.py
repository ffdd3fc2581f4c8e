"""One response of a model, and the key that says of which prompt, picture, weights and decoding it is.

A response as JSON, byte for byte as `json.dumps` writes it: what its digest and its checksum are made of.

`json.dumps` takes a dozen microseconds a response. Most of what it would write stands in many, so that is made once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from operator import attrgetter
from typing import Any, Literal

from anatomy_r1.errors import AnatomyR1Error

Decoding = Literal["sample", "greedy"]


@dataclass(frozen=True)  # without slots, so that it can keep its digest: asked for four times on a response's way
class ResponseKey:
    """All that decides a response."""

    benchmark: str
    question_id: str
    repeat: int
    """0 to k - 1 among the sampled responses; 0 for the greedy one."""
    decoding: Decoding
    prompt_hash: str
    """Of the prompt as the model reads it, chat template included; of the chat messages where a server renders them."""
    image_hash: str
    """SHA-256 of the image file that was shown, 32 hex digits; empty where none was."""
    weights: str
    """Identity of weights, configuration and processor, or what a server says of them."""
    sampling: str
    """Every decoding argument, as JSON with sorted keys."""
    seed: int

    @property
    def values(self) -> tuple[Any, ...]:
        """All fields in order. (`dataclasses.astuple` would copy each deeply.)"""
        return tuple(_key_values(self))

    @property
    def json(self) -> str:
        """All fields in order, without a list's brackets."""
        kept: str | None = self.__dict__.get("_json")
        return kept or self._keep("_json", key_json(self))

    @property
    def digest(self) -> str:
        """32 hex digits over all fields."""
        kept: str | None = self.__dict__.get("_digest")
        return kept or self._keep("_digest", hashlib.sha256(f"[{self.json}]".encode()).hexdigest()[:32])

    def _keep(self, name: str, value: str) -> str:
        """As `functools.cached_property`, without the lock that it takes each time before Python 3.12."""
        self.__dict__[name] = value
        return value

    def again(self, repeat: int) -> ResponseKey:
        """The same with another repeat. (`dataclasses.replace` takes four times as long.)"""
        benchmark, question_id, _, *rest = _key_values(self)
        return ResponseKey(benchmark, question_id, repeat, *rest)


@dataclass(frozen=True, slots=True)
class Response:
    """One response and how it came about."""

    key: ResponseKey
    text: str
    finish_reason: Literal["stop", "length", "content_filter"]
    """`content_filter`: a hosted model's provider cut in; what was let through is the text."""
    prompt_tokens: int = 0
    tokens: int = 0
    """Generated, the end token included."""
    seconds: float = 0.0
    """The response's even share of its batch's wall time; from a server, the wall time of the request it answered."""
    style: str = ""
    """Prompt style, `think` or `direct`."""
    images: str = "real"
    """What was shown: `real`, `swapped` (the picture of a question of another cluster) or `none`."""
    shown: str = ""
    """Path of the picture that was shown, below the image root."""

    @property
    def values(self) -> tuple[Any, ...]:
        """All fields in order, the key's first."""
        return self.key.values + tuple(_other_values(self))

    @property
    def checksum(self) -> str:
        """16 hex digits over all fields."""
        return hashlib.sha256(f"[{self.key.json}, {other_json(self)}]".encode()).hexdigest()[:16]


KEY_FIELDS = tuple(field.name for field in fields(ResponseKey))
_key_values = attrgetter(*KEY_FIELDS)
OTHER_FIELDS = tuple(field.name for field in fields(Response) if field.name != "key")
_other_values = attrgetter(*OTHER_FIELDS)
COLUMNS = (*KEY_FIELDS, *OTHER_FIELDS)
_INTEGERS = {"repeat", "seed", "prompt_tokens", "tokens"}
KINDS = {name: "INTEGER" if name in _INTEGERS else "REAL" if name == "seconds" else "TEXT" for name in COLUMNS}


def key_json(key: ResponseKey) -> str:
    """A key's fields in order, without the list's brackets.

    Raises:
        TypeError: when a text is none, as in a damaged row.
    """
    head = _strings(key.benchmark, key.question_id)
    tail = _strings(key.decoding, key.prompt_hash, key.image_hash, key.weights, key.sampling)
    return f"{head}, {_number(key.repeat)}, {tail}, {_number(key.seed)}"


def other_json(response: Response) -> str:
    """The fields besides the key, likewise.

    Raises:
        TypeError: as above.
    """
    one = response
    counts = f"{_number(one.prompt_tokens)}, {_number(one.tokens)}, {_number(one.seconds)}"
    tail = _strings(one.style, one.images, one.shown)
    return f"{encode_basestring_ascii(one.text)}, {_strings(one.finish_reason)}, {counts}, {tail}"


@lru_cache(maxsize=1024)
def _strings(*texts: str) -> str:
    return ", ".join(encode_basestring_ascii(text) for text in texts)


def _number(value: Any) -> str:
    kind = type(value)
    if kind is int or (kind is float and isfinite(value)):
        return repr(value)  # as JSON has it
    return json.dumps(value, default=repr)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Every decoding argument. Nothing is inherited from a checkpoint's generation configuration but its end tokens.

    Raises:
        AnatomyR1Error: when a value makes no sense.
    """

    decoding: Decoding
    temperature: float
    max_new_tokens: int
    top_p: float = 1.0
    top_k: int = 0
    """0: all tokens."""
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if self.decoding == "sample" and not self.temperature > 0:
            raise AnatomyR1Error(f"temperature {self.temperature}: must be above 0. Fix: --temperature 1.0")
        if self.max_new_tokens < 1:
            raise AnatomyR1Error(f"max_new_tokens {self.max_new_tokens}: must be at least 1")
        if (self.top_p, self.top_k, self.repetition_penalty) != (1.0, 0, 1.0):
            raise AnatomyR1Error("this engine samples from the whole distribution: set top_p 1, top_k 0, penalty 1")

    def as_dict(self) -> dict[str, Any]:
        """All fields, for the log."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # asdict would copy each value deeply
