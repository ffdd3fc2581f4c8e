"""What a server's answer says: chat completions as vLLM, SGLang, TGI, llama.cpp, Ollama and hosted APIs send them.

Servers differ in how they spell the end of a response, in where they put reasoning, and in whether they count tokens.
All of it is read here, into one `Reply` (docs/servers.md has the table). What is not known is an error that names it.

Example:
    >>> body = b'{"choices": [{"message": {"content": "<answer>B</answer>"}, "finish_reason": "STOP"}]}'
    >>> read_reply(read_completion(body), limit=24)
    Reply(text='<answer>B</answer>', finish_reason='stop', reasoning='', opened='', raw='', prompt_tokens=0, tokens=0)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field, NonNegativeInt, TypeAdapter, ValidationError

FinishReason = Literal["stop", "length", "content_filter"]
_SPELLINGS: dict[FinishReason, str] = {
    # vLLM, SGLang, OpenAI; Gemini; TGI and Together; Anthropic, Bedrock; Cohere; gateways
    "stop": "stop eos eos_token end end_turn end_of_turn stop_sequence stop_token complete completed done finish",
    "length": "length max_tokens max_length max_new_tokens max_output_tokens token_limit limit incomplete",
    "content_filter": "content_filter content_filtered safety image_safety recitation blocklist prohibited_content "
    "spii refusal sensitive guardrail_intervened error_toxic",
}
FINISH_REASONS: dict[str, FinishReason] = {
    spelling: reason for reason, spellings in _SPELLINGS.items() for spelling in spellings.split()
}
"""A server's spelling, in small letters with underscores -> what it means."""
_CONTEXT_FULL = {"model_length", "model_context_window_exceeded", "context_length", "context_length_exceeded"}
"""Spellings for a response that was cut at the end of the model's context, before the limit that was asked for."""
END_TOKENS = (
    "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<|end|>", "<|return|>", "<|EOT|>",
    "<|end_of_sentence|>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<end_of_turn>", "<eos>", "</s>",
)  # fmt: skip
"""End tokens of common models, which some servers leave at the end of the text (our list)."""
_TRANSIENT = {408, 409, 425, 429}
_LASTING = re.compile("invalid|authentication|permission|not_found|insufficient")
_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
_THINK_TAG = re.compile(r"</?think>")


class Malformed(Exception):  # noqa: N818
    """The body does not follow the API, or reports a passing error; asking again may help."""


class Unusable(Exception):  # noqa: N818
    """A body from which no response can be taken, however often it is asked for; `fix` if there is one.

    `alone`: the others may be usable. Else the fix is one for all of them.
    """

    def __init__(self, reason: str, fix: str = "", *, alone: bool = False) -> None:
        super().__init__(reason)
        self.fix, self.alone = fix, alone


class Message(BaseModel):
    """The text, whole or in parts, and the reasoning in whatever field the server keeps it; null if withheld."""

    content: str | list[Any] | None = None
    refusal: str | None = None
    tool_calls: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None


class Choice(BaseModel):
    """One completion."""

    message: Message
    finish_reason: str | None = None


class Details(BaseModel):
    """What the completion's tokens were."""

    reasoning_tokens: NonNegativeInt | None = None


class Usage(BaseModel):
    """Tokens, as far as the server counts them."""

    prompt_tokens: NonNegativeInt | None = None
    completion_tokens: NonNegativeInt | None = None
    completion_tokens_details: Details | None = None


class Completion(BaseModel):
    """The fields used here of a chat completion (platform.openai.com/docs/api-reference/chat/object).

    Without exactly one choice it is an error, never an empty completion.
    """

    choices: list[Choice] = Field(min_length=1, max_length=1)
    usage: Usage | None = None


_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def read_completion(body: bytes) -> Completion:
    """The completion in the body of a response.

    Raises:
        Malformed: It holds none, or an error that may pass.
        Unusable: It holds an error that would come again, or a stream of events.
    """
    if body.lstrip()[:5] == b"data:":
        fix = "serve the model where whole responses are sent: streams are not read"
        raise Unusable("a stream of events, although none was asked for", fix)
    try:
        content = _JSON.validate_json(body)
        _check_error(content)
        return _blocked(content) or Completion.model_validate(content)
    except ValidationError as error:
        reason = f"no chat completion ({first_error(error)})"
        cure = ": the log of the server may say why; or ask the model without the gateway in between"
        raise Malformed(reason + cure * _without_message(error)) from None


def _blocked(content: Any) -> Completion | None:
    """An empty completion, if the provider's filter kept the question: Gemini's `blockReason` in place of choices."""
    if not isinstance(content, dict):
        return None
    choices, usage = content.get("choices"), content.get("usage")
    feedback = content.get("promptFeedback") or content.get("prompt_feedback")
    stated = feedback.get("blockReason") or feedback.get("block_reason") if isinstance(feedback, dict) else None
    blocked = not choices and bool(stated) and "UNSPECIFIED" not in str(stated).upper()
    if isinstance(choices, list) and len(choices) == 1 and isinstance(choices[0], dict):
        ended = FINISH_REASONS.get(_spelled(str(choices[0].get("finish_reason"))))
        blocked = choices[0].get("message") is None and ended == "content_filter"
    empty = {"message": {"content": ""}, "finish_reason": "content_filter"}
    return Completion.model_validate({"choices": [empty], "usage": usage}) if blocked else None


def _without_message(error: ValidationError) -> bool:
    """Whether a body has nothing where its choices or its message should be."""
    first = error.errors(include_url=False)[0]
    return first["input"] in (None, []) and first["loc"][-1:] in (("choices",), ("message",))


def first_error(error: ValidationError) -> str:
    """Where a body does not follow the API, without quoting it."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _check_error(content: Any) -> None:
    """Raise what an error in the body of a success says (OpenRouter and other gateways send them)."""
    if not isinstance(content, dict):
        return
    choices = content.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    error = content.get("error") or first.get("error")
    if not error and str(first.get("finish_reason")).lower() != "error":
        return
    stated = error if isinstance(error, dict) else {"message": error or "finish_reason error"}
    code = str(stated.get("code") or stated.get("status") or "")
    reason = f"an error in place of a response: {' '.join([code, str(stated.get('message', ''))]).strip()}"
    lasting = code.isdigit() and 400 <= int(code) < 500 and int(code) not in _TRANSIENT
    if lasting or _LASTING.search(f"{code} {stated.get('type')}"):
        raise Unusable(reason)
    raise Malformed(reason)


@dataclass(frozen=True, slots=True)
class Reply:
    """One response as it is logged; the fields are those of `anatomy_r1.response_log.response.Response`."""

    text: str
    finish_reason: FinishReason
    reasoning: str
    opened: str
    raw: str
    prompt_tokens: int
    """0 if the server does not say: a prompt has at least one."""
    tokens: int


def read_reply(completion: Completion, limit: int) -> Reply:
    """The response in a completion of at most `limit` tokens.

    Raises:
        Unusable: It ended in an unknown way, or the server withheld what the model wrote.
    """
    choice, usage = completion.choices[0], completion.usage or Usage()
    reason = read_finish_reason(choice.finish_reason, usage.completion_tokens, limit)
    inner, given = _split_content(choice.message)
    reasoning = _reasoning(choice.message) or inner
    if given is None and not _may_be_empty(choice.message, usage, reason, reasoning):
        raise Unusable("no text (content null), although the response ended by itself: the server withheld it")
    whole = given or ""
    text = without_end_tokens(whole)
    if _holds(text, reasoning):
        reasoning = ""
    if reasoning and text.lstrip().startswith("</think>"):  # the parser left it
        text = text.partition("</think>")[2]
    opened = "" if reasoning else opened_by_prompt(text)
    raw = whole if whole != text else ""
    return Reply(text, reason, reasoning, opened, raw, usage.prompt_tokens or 0, usage.completion_tokens or 0)


def read_finish_reason(stated: str | None, tokens: int | None, limit: int) -> FinishReason:
    """What a server's spelling means. Where it says nothing, fewer tokens than the limit mean the end (our choice)."""
    spelling = _spelled(stated or "")
    if spelling in FINISH_REASONS:
        return FINISH_REASONS[spelling]
    if spelling in _CONTEXT_FULL:
        fix = "lower --max-new-tokens, or start the server with a longer context"
        raise Unusable(f"cut at the end of the model's context (finish_reason {stated!r})", fix, alone=True)
    if spelling in ("", "unspecified") and tokens:
        return "length" if tokens >= limit else "stop"
    if spelling in ("", "unspecified"):
        raise Unusable("neither finish_reason nor usage: nothing says whether the response is whole")
    unknown = f"finish_reason {stated!r}, which is none of those known (docs/servers.md)"
    if spelling in ("tool_calls", "tool_call", "tool_use", "function_call"):
        fix = "start the server without its tool parser (vLLM: no --enable-auto-tool-choice), as no tool was offered"
        raise Unusable(unknown, fix, alone=True)
    raise Unusable(unknown)


def _spelled(stated: str) -> str:
    spelling = re.sub(r"[\s-]+", "_", stated.strip().lower())
    return spelling.removeprefix("finish_reason_").removeprefix("finishreason.")


def _may_be_empty(message: Message, usage: Usage, reason: FinishReason, reasoning: str) -> bool:
    """Whether a response without text is one: cut or filtered, spent on reasoning, or ended at once."""
    if message.tool_calls:
        return False
    hidden = usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens
    at_once = usage.completion_tokens is not None and usage.completion_tokens <= 1
    return reason != "stop" or bool(reasoning or hidden or at_once)


def _split_content(message: Message) -> tuple[str, str | None]:
    """Reasoning among the parts of the content, and the text; None if there is no text at all."""
    if message.content is None:
        return "", message.refusal
    if isinstance(message.content, str):
        return "", message.content or message.refusal or ""
    reasoning, text = [], []
    for part in message.content:
        kind = str(part.get("type", "text")) if isinstance(part, dict) else "text"
        if kind in ("text", "output_text", "refusal"):
            text.append("".join(_texts(part)))
        elif "reasoning" in kind or "thinking" in kind:
            reasoning.append("".join(_texts(part)))
        else:
            raise Unusable(f"a part of type {kind!r} in the content, which is no text")
    return "".join(reasoning), "".join(text) if message.content or message.refusal is None else message.refusal


def _reasoning(message: Message) -> str:
    """The reasoning of the first field that has any, without the tags that some parsers leave around it."""
    found = (text for name in _REASONING_FIELDS if (text := "".join(_texts(getattr(message, name)))).strip())
    text = next(found, "")
    start = text.lstrip()
    return (start.removeprefix("<think>") if start.startswith("<think>") else text).removesuffix("</think>")


def _holds(text: str, reasoning: str) -> bool:
    """Whether the text has the reasoning in its tags too, as llama.cpp sends both (`deepseek-legacy`)."""
    inside, start = reasoning.strip(), text.lstrip()
    rest = start.removeprefix("<think>").lstrip()
    after = rest.removeprefix(inside).lstrip()
    closed_or_cut = after.startswith("</think>") or (not after and start.startswith("<think>"))
    return bool(inside) and rest.startswith(inside) and closed_or_cut


def _texts(value: Any) -> Iterator[str]:
    """Text in a string, a part or a list of parts, however deep; encrypted reasoning has none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        for name in ("text", "thinking", "reasoning", "content", "summary", "refusal"):
            if value.get(name):
                yield from _texts(value[name])
                return


def without_end_tokens(text: str) -> str:
    """Text without the known end tokens at its end, and the blanks between them."""
    while (token := next((one for one in END_TOKENS if text.rstrip().endswith(one)), None)) is not None:
        text = text.rstrip().removesuffix(token)
    return text


def opened_by_prompt(text: str) -> str:
    """`<think>` if the text closes a thinking block that it did not open, else nothing.

    Then the chat template opened it. Reasoning may mention the tags, so more closing than opening ones decide too. Of a
    response that was cut while thinking nothing can be known: it has no tag.
    """
    tags = _THINK_TAG.findall(text)
    if not tags or text.lstrip().startswith("<think>"):
        return ""
    return "<think>" if tags[0] == "</think>" or 2 * tags.count("</think>") > len(tags) else ""
