"""Why a server gave no answer, in words that hold no key."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import httpx2
import openai

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.server_schema import Malformed

KEY_VARIABLE = "ANATOMY_R1_API_KEY"
NO_KEY = "none"
"""Sent where there is no key; the client wants some text."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that got no answer."""

    question_id: str
    reason: str
    cure: str = ""
    """Stated where every other request would fail alike, for want of a key, an address or a model."""


def api_key() -> str:
    """The key from the environment, or `NO_KEY`.

    Raises:
        AnatomyR1Error: when it holds what no header can carry. The message does not show it.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip() or NO_KEY
    if not re.fullmatch(r"[!-~]+", key):
        raise AnatomyR1Error(f"{KEY_VARIABLE}: holds a space or a character beyond ASCII. Cure: set it anew")
    return key


def describe(error: Exception) -> str:
    """What went wrong, in a line without key, headers or control characters: the text may be a stranger's."""
    cause = error.__cause__
    if isinstance(error, openai.APIStatusError):
        said = error.message.removeprefix(f"Error code: {error.status_code}").removeprefix(" - ")
        text = f"HTTP {error.status_code} ({said})" if said else f"HTTP {error.status_code}"
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
    """Text of a server, fit for a terminal and a log: one line, at most 200 characters, without the key."""
    key = api_key()
    hidden = text if key == NO_KEY else text.replace(key, "***")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in hidden).split())
    return line if len(line) <= 200 else line[:200] + " ..."


def cure(error: Exception) -> str:
    """The way out of a failure that would meet every request; empty for any other."""
    status = getattr(error, "status_code", 0)
    if status in (401, 403):
        return f"put the server's key into the environment variable {KEY_VARIABLE}"
    if status == 404 or isinstance(error, Malformed):
        return "check --model and --base-url, which mostly ends in /v1"
    return "name the server's own address as --base-url; redirects are not followed" if 300 <= status < 400 else ""
