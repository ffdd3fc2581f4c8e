"""What the errors of servers say, in one line without the key, and the option or setting that helps.

An argument that a server does not take is named in as many ways as there are servers: by `param`, in the message, in
FastAPI's list of details, in camel case, or not at all.
"""

from __future__ import annotations

import json
import os
import re

import httpx2
import openai

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.server_reply import FINISH_REASONS, Malformed

KEY_VARIABLE = "ANATOMY_R1_API_KEY"
NO_KEY = "none"
"""Sent if there is no key, since the client requires one."""
NOT_OPENAI = ("min_p", "repetition_penalty", "skip_special_tokens", "top_k")
"""Arguments that vLLM and SGLang take, and that OpenAI's own API rejects."""
SHORTEST_KEY = 8
"""Characters of the shortest key that is hidden (our choice): a placeholder such as `vllm` is no secret, and may be a
word of the server's own, such as the owner of its model, which is part of the weights' identity."""
OPTIONAL = (*NOT_OPENAI, "frequency_penalty", "n", "presence_penalty", "seed", "temperature", "top_p")
"""Arguments that can be left out of the requests."""
LOWER_LIMIT = "lower --max-new-tokens, or serve the model with a higher limit and a longer context"
TOP_UP = f"add credit to the account, raise its quota, or put another account's key into {KEY_VARIABLE}"
CHECK = "check the server and --base-url, then run the same command"


def refused_arguments(error: Exception) -> frozenset[str]:
    """The arguments, of `OPTIONAL` and `max_tokens`, that an error says the server or its model does not take."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 422):
        return frozenset()
    said = stated_error(error)
    named = {str(error.param)} & {*_REFUSABLE} or {name for name, form in _REFUSABLE.items() if form.search(said)}
    if re.search(r"\bpenalty\b", said, re.IGNORECASE):  # Gemini's does not say which
        named |= {"frequency_penalty", "presence_penalty"}
    if is_limit_too_large(said) or re.search(r"too large|context length|exceed|too long|reached", said, re.IGNORECASE):
        named -= {"max_tokens"}
    if {"temperature", "top_p"} <= named and re.search(r"\bboth\b|only one", said):  # Anthropic's takes one of them
        named -= {"temperature"}
    # A server that lists what it does take names more than it refuses
    return frozenset(named & set(NOT_OPENAI) or named)


def _spellings(name: str) -> re.Pattern[str]:
    """An argument as errors spell it: `top_k`, `topK`; the short `n` only in quotes or brackets."""
    first, *rest = name.split("_")
    camel = first + "".join(part.capitalize() for part in rest)
    return re.compile(r"[`'\"\[]n[`'\"\]]" if name == "n" else rf"(?<!\w)(?:{name}|{camel})(?!\w)")


_REFUSABLE = {name: _spellings(name) for name in (*OPTIONAL, "max_tokens")}


_LIMIT = re.compile(
    r"max[_ ](completion_|new_|output_)?tokens|max(Output|Completion|New)?Tokens|maximum tokens|in the completion"
    r"|output tokens|completion tokens"
)
_TOO_LARGE = re.compile(
    r"too (large|high|big|many|long)|(greater|larger|higher|more) than|less than or equal|exceed|at most|\brange\b"
    r"|[<>]=?\s*[`\d]|maximum (allowed|value|context)|must be between",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(
    r"insufficient[_ ](quota|balance|credit|fund)|(credit|balance) (is )?(too low|exhausted|insufficient)"
    r"|(no|out of|not enough|more) credits|credit balance|billing_(hard_limit|not_active)|exceeded_current_quota",
    re.IGNORECASE,
)


def is_limit_too_large(said: str) -> bool:
    """Whether a text says that more tokens were asked for than the model gives, not that it needs more of them."""
    other = re.search(r"higher max|reached|per (minute|hour|day)|rate.?limit", said, re.IGNORECASE)
    return bool(_LIMIT.search(said) and _TOO_LARGE.search(said) and not other)


def cure_said(said: str, status: int = 0) -> str:
    """The fix that an error's text calls for, whatever its status; empty for any other text."""
    if status == 402 or _NO_CREDIT.search(said):
        return TOP_UP
    return LOWER_LIMIT if is_limit_too_large(said) else ""


def is_filtered(error: openai.OpenAIError) -> bool:
    """Whether a provider refused the question itself, by its content filter: Azure says so with HTTP 400."""
    status = getattr(error, "status_code", 0)
    return status == 400 and FINISH_REASONS.get(str(getattr(error, "code", ""))) == "content_filter"


def cure_refusal(refused: frozenset[str], limit_name: str) -> str:
    """The options that leave refused arguments out; empty if none was refused. `limit_name`: of the token limit now."""
    others = sorted(refused - {*NOT_OPENAI, "max_tokens"})
    cures = ["--plain-openai"] if refused & {*NOT_OPENAI} else []
    if "max_tokens" in refused and limit_name == "max_tokens":
        cures.append("--max-tokens-name max_completion_tokens")
    if others:
        cures.append(f"--leave-out {','.join(others)}")
    greedy = " (the model then samples at its own temperature, the responses called greedy too)"
    return f"add {' '.join(cures)}{greedy if 'temperature' in others else ''}" if cures else ""


def fix(error: Exception) -> str:
    """The fix for an error that every request would meet; empty for any other."""
    status = getattr(error, "status_code", 0)
    if isinstance(error, openai.APIStatusError) and (cure := cure_said(_whole(error), status)):
        return cure
    if status in (401, 403):
        return f"put the server's key into the environment variable {KEY_VARIABLE}"
    if status == 404 or isinstance(error, Malformed):
        return "check --model and --base-url, which usually ends in /v1"
    return "pass the server's own address as --base-url; redirects are not followed" if 300 <= status < 400 else ""


def stated_error(error: openai.APIStatusError) -> str:
    """The text of an error; the whole body if the client found none in it, as in FastAPI's."""
    message = error.message.removeprefix(f"Error code: {error.status_code}").removeprefix(" - ")
    return message or (json.dumps(error.body) if error.body else "")


def _whole(error: openai.APIStatusError) -> str:
    """The text of an error with its code and type, which may say more."""
    return f"{stated_error(error)} {error.code or ''} {error.type or ''}"


def describe(error: Exception) -> str:
    """An error in one line, without key, headers or control characters; the text may come from an unknown server."""
    cause = error.__cause__
    if isinstance(error, openai.APIStatusError):
        message = stated_error(error)
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
    hidden = text.replace(key, "***") if len(key) >= SHORTEST_KEY else text
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in hidden).split())
    return line if len(line) <= 200 else line[:200] + " ..."


def api_key() -> str:
    """The key from the environment, or `NO_KEY`; an error does not show it."""
    key = os.environ.get(KEY_VARIABLE, "").strip() or NO_KEY
    if not re.fullmatch(r"[!-~]+", key):
        raise AnatomyR1Error(f"{KEY_VARIABLE}: has a space or a non-ASCII character. Fix: set it again")
    return key
