"""Data for the site's scripts: JavaScript files that deliver one value each.

A page opened from disk may load a script but not fetch a file, so data are scripts that are loaded on demand. Keys of
objects are fixed by the site; anything from a store, a data set or a model is a value, never a key.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""Nothing can end a script or open a comment; all non-ASCII is escaped too, including U+2028 and lone surrogates."""


_LONGEST = 120
"""Characters of a file name; file systems take 255 bytes."""


def shard(name: str, value: Any) -> str:
    """A script that delivers `value` under `name`.

    Raises:
        ValueError: when a number is not finite, which JSON cannot express.
    """
    return f"site.deliver({_safe(name)}, {_safe(value)});\n"


def _safe(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: _UNSAFE[match.group()], text)


def slug(name: str) -> str:
    """A file name of `name`: itself if it is plain, else with a digest, so that two names never share a file."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.replace("/", "--")).strip(".-")
    if plain and plain.replace("--", "/") == name and len(plain) <= _LONGEST:
        return plain
    return f"{plain[:60]}-{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
