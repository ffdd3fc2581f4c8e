"""A response as JSON, byte for byte as `json.dumps` writes it: what its digest and its checksum are made of.

`json.dumps` takes a dozen microseconds a response. Most of what it would write stands in many, so that is made once.
"""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anatomy_r1.response_log.response import Response, ResponseKey


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
