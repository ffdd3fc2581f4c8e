"""One response of a model, the key that identifies it, and its sampling parameters.

A response's digest and checksum are hashes of JSON exactly as `json.dumps` writes it. They must never change: an
existing log could not be resumed otherwise.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal

from anatomy_r1.errors import AnatomyR1Error

Decoding = Literal["sample", "greedy"]


@dataclass(frozen=True)  # without slots, so that the digest can be cached
class ResponseKey:
    """Everything that determines a response."""

    benchmark: str
    question_id: str
    repeat: int
    """0 to k - 1 for the sampled responses; 0 for the greedy one."""
    decoding: Decoding
    prompt_hash: str
    """Of the prompt as the model reads it, chat template included; of the chat messages where a server renders them."""
    image_hash: str
    """First 32 hex digits of the SHA-256 of the image file; empty without an image."""
    weights: str
    """Identity of weights, configuration and processor, or the server's description of its model."""
    sampling: str
    """All sampling parameters, as JSON with sorted keys."""
    seed: int

    @property
    def values(self) -> tuple[Any, ...]:
        """All fields in order, without the deep copies of `dataclasses.astuple`."""
        return tuple(_key_values(self))

    @cached_property
    def digest(self) -> str:
        """32 hex digits over all fields."""
        return _sha256(self.values, 32)

    def with_repeat(self, repeat: int) -> ResponseKey:
        """The same key with another repeat; four times as fast as `dataclasses.replace`."""
        benchmark, question_id, _, *rest = _key_values(self)
        return ResponseKey(benchmark, question_id, repeat, *rest)


@dataclass(frozen=True, slots=True)
class Response:
    """One response and how it was generated."""

    key: ResponseKey
    text: str
    """What the model wrote, without its end token. Scorers read `full_text`."""
    finish_reason: Literal["stop", "length", "content_filter"]
    """`content_filter`: the provider of a hosted model cut the response; `text` is what it let through."""
    prompt_tokens: int = 0
    """0 where a server does not count them; a prompt has at least one."""
    tokens: int = 0
    """Generated tokens, the end token included; unknown where `prompt_tokens` is 0."""
    seconds: float = 0.0
    """An equal share of its batch's wall time; for a server, the wall time of the request."""
    style: str = ""
    """`think` or `direct`."""
    images: str = "real"
    """`real`, `swapped` (the image of a question from another cluster) or `none`."""
    shown: str = ""
    """Path of the image that was shown, relative to the image root."""
    opened: str = ""
    """What the end of the prompt put at the beginning of the response, such as `<think>`: thinking models' chat
    templates do so. Empty if nothing, or not known."""
    reasoning: str = ""
    """The reasoning that a server with a reasoning parser returned apart from `text`."""
    raw: str = ""
    """The text with all special tokens, the end token included; empty where it is `text`, or not known."""
    token_ids: str = ""
    """The generated tokens as decimal numbers, separated by spaces; empty where the engine does not know them."""

    @property
    def full_text(self) -> str:
        """The whole response in one form, however prompt and server divided it: what extractors read.

        Reasoning kept apart is put back into its tags. Without any text after it, it stays unclosed, as it is in the
        text of a server without a reasoning parser: it was cut off, or the model ended without closing it.
        """
        if not self.reasoning:
            return self.opened + self.text
        return f"<think>{self.reasoning}</think>{self.text}" if self.text else f"<think>{self.reasoning}"

    @property
    def values(self) -> tuple[Any, ...]:
        """All fields in order, the key's first."""
        return self.key.values + tuple(_other_values(self))

    @property
    def checksum(self) -> str:
        """16 hex digits over all fields."""
        return _sha256(self.values, 16)


def _sha256(values: tuple[Any, ...], digits: int) -> str:
    """Raises TypeError for what JSON does not have, such as the bytes of a damaged row."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:digits]


KEY_FIELDS = tuple(field.name for field in fields(ResponseKey))
COLUMNS = (*KEY_FIELDS, *(field.name for field in fields(Response) if field.name != "key"))
_key_values = attrgetter(*KEY_FIELDS)
_other_values = attrgetter(*COLUMNS[len(KEY_FIELDS) :])
_INTEGERS = {"repeat", "seed", "prompt_tokens", "tokens"}
COLUMN_TYPES = {name: "INTEGER" if name in _INTEGERS else "REAL" if name == "seconds" else "TEXT" for name in COLUMNS}
"""Column -> its SQLite type."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """All sampling parameters. Of a checkpoint's own generation configuration only the end tokens are used."""

    decoding: Decoding
    temperature: float
    max_new_tokens: int
    top_p: float = 1.0
    top_k: int = 0
    """0: all tokens."""
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if self.decoding == "sample" and not 0 < self.temperature < math.inf:
            raise AnatomyR1Error(f"temperature {self.temperature}: must be above 0 and finite. Fix: --temperature 1.0")
        if self.max_new_tokens < 1:
            raise AnatomyR1Error(f"max_new_tokens {self.max_new_tokens}: must be at least 1. Fix: --max-new-tokens 512")
        if (self.top_p, self.top_k, self.repetition_penalty) != (1.0, 0, 1.0):
            raise AnatomyR1Error("this engine samples from the whole distribution: set top_p 1, top_k 0, penalty 1")

    def as_dict(self) -> dict[str, Any]:
        """All fields by name, without the deep copies of `dataclasses.asdict`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
