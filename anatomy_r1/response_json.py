"""A response as JSON, byte for byte as `json.dumps` writes it: what its digest and its checksum are made of.

A response costs a dozen microseconds each by `json.dumps`; most of its text it shares with others, so that is made once.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anatomy_r1.response import Response, ResponseKey


def key_json(key: ResponseKey) -> str:
    """A key's fields in order, without brackets.

    Raises:
        TypeError: when a text is none, as in a damaged row.
    """
    said = _strings(key.decoding, key.prompt_hash, key.image_hash, key.weights, key.sampling)
    return f"{_strings(key.benchmark, key.question_id)}, {_one(key.repeat)}, {said}, {_one(key.seed)}"


def response_json(key: str, response: Response) -> str:
    """`key`, as `key_json` writes it, and then the other fields, without brackets.

    Raises:
        TypeError: as above.
    """
    one = response
    counts = f"{_one(one.prompt_tokens)}, {_one(one.tokens)}, {_one(one.seconds)}"
    shown = _strings(one.style, one.images, one.shown)
    return f"{key}, {encode_basestring_ascii(one.text)}, {_strings(one.finish_reason)}, {counts}, {shown}"


def digest(key: str) -> str:
    """32 hex digits over a key, as `key_json` writes it."""
    return hashlib.sha256(f"[{key}]".encode()).hexdigest()[:32]


def checksum(key: str, response: Response) -> str:
    """16 hex digits over a whole response; `key` as `key_json` writes it."""
    return hashlib.sha256(f"[{response_json(key, response)}]".encode()).hexdigest()[:16]


@lru_cache(maxsize=8192)  # more than are ever on their way through an engine
def written(key: ResponseKey) -> tuple[str, str]:
    """A key's JSON and its digest, made once for what is asked, logged and looked up."""
    text = key_json(key)
    return text, digest(text)


@lru_cache(maxsize=8192)
def _strings(*texts: str) -> str:
    return ", ".join(encode_basestring_ascii(text) for text in texts)


def _one(value: Any) -> str:
    """A number; `repr` is what `json.dumps` writes of a whole one, and of a finite real one of Python's own."""
    kind = type(value)
    return repr(value) if kind is int or (kind is float and isfinite(value)) else json.dumps(value, default=repr)
