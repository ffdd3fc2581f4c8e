"""Sampling from a model of transformers: each prompt and its image are read once, for all of its responses.

The evaluation engine and the trainers' rollouts share it. Position ids are passed to the model explicitly. By itself,
Qwen2.5-VL spreads its stored offset between text and multimodal rotary positions evenly over the batch, which is wrong
once some responses are logged already or have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


def next_tokens(logits: Any, numbers: Any, greedy: Any, temperature: Any) -> Any:
    """The next token of each row: the most likely one, or inverse transform sampling with the row's random number.

    `logits`: (rows, vocabulary). The others have one value for each row; `numbers` are float64, uniform in [0, 1).
    """
    import torch

    likely = logits.argmax(dim=-1)
    if bool(greedy.all()):
        return likely
    # In float64, so that a sum over 150,000 tokens does not lose the tail
    cumulative = torch.softmax(logits.double() / temperature.unsqueeze(-1), dim=-1).cumsum(dim=-1)
    target = (numbers * cumulative[:, -1]).unsqueeze(-1)
    drawn = torch.searchsorted(cumulative, target, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)
    return torch.where(greedy, likely, drawn)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One response to generate."""

    prompt: int
    """Index of its prompt in the batch."""
    numbers: Sequence[float]
    """One random number per token; their count is the maximum number of tokens."""
    greedy: bool
    temperature: float


@dataclass(slots=True)
class Generated:
    """The tokens of one response."""

    tokens: list[int] = field(default_factory=list)
    """The end token included, if there is one."""
    finish_reason: Literal["stop", "length"] = "length"
    log_probabilities: list[float] = field(default_factory=list)
    """Of each token, at the temperature of the request, as if no token were banned; empty unless asked for."""


def decode(
    model: Any,
    inputs: dict[str, Any],
    requests: Sequence[GenerationRequest],
    end_tokens: Collection[int],
    on_logits: Callable[[list[int], Any], None] | None = None,
    *,
    banned: Callable[[int], Collection[int]] | None = None,
    log_probabilities: bool = False,
) -> list[Generated]:
    """Generate a response for each request, in order.

    `inputs` is the processor's output for the prompts, padded on the left; any number of requests may share a prompt.
    `banned` says which tokens must not be sampled, by the number of tokens before; None bans none.
    `on_logits`, for tests, gets the indices of the unfinished requests and their logits, (requests, vocabulary).
    """
    import torch

    outputs = [Generated() for _ in requests]
    with torch.inference_mode():
        state = _prefill(model, inputs, requests)
        while state.active:
            if on_logits:
                on_logits(list(state.active), state.logits)
            logits = state.logits
            if banned:
                state.logits = _without(state.logits, banned(len(outputs[state.active[0]].tokens)))
            tokens = _pick(state, requests, outputs)
            if log_probabilities:
                _note(logits, state.active, requests, outputs, tokens)
            unfinished = []  # rows of the batch
            for row, (index, token) in enumerate(zip(state.active, tokens.tolist(), strict=True)):
                outputs[index].tokens.append(token)
                if token in end_tokens:
                    outputs[index].finish_reason = "stop"
                elif len(outputs[index].tokens) < len(requests[index].numbers):
                    unfinished.append(row)
            state = _advance(model, state, tokens, unfinished)
    return outputs


@dataclass(slots=True)
class _State:
    active: list[int]
    """Batch row -> index of its request; finished requests are gone."""
    cache: Any
    mask: Any
    """(rows, positions) 1 for a token, 0 for padding."""
    offset: Any
    """(rows, 1) multimodal minus text position, or None if the model has only one kind."""
    logits: Any


def _prefill(model: Any, inputs: dict[str, Any], requests: Sequence[GenerationRequest]) -> _State:
    import torch

    mask = inputs["attention_mask"]
    with_image = inputs.get("pixel_values") is not None
    # Without an image the model would count padding as positions
    positions = {} if with_image else {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    out = model(**inputs, **positions, use_cache=True, logits_to_keep=1)
    which = torch.tensor([one.prompt for one in requests], device=mask.device)
    out.past_key_values.batch_select_indices(which)
    deltas = getattr(out, "rope_deltas", None) if with_image else None
    offset = None if deltas is None else deltas.to(mask.device)[which]
    return _State(list(range(len(requests))), out.past_key_values, mask[which], offset, out.logits[which, -1].float())


def _without(logits: Any, tokens: Collection[int]) -> Any:
    """The logits with those of these tokens at minus infinity."""
    import torch

    return logits.index_fill(1, torch.tensor(list(tokens), dtype=torch.long, device=logits.device), float("-inf"))


def _pick(state: _State, requests: Sequence[GenerationRequest], outputs: Sequence[Generated]) -> Any:
    import torch

    device = state.logits.device
    rows = [requests[index] for index in state.active]
    step = len(outputs[state.active[0]].tokens)  # the same for all rows
    temperatures = [1.0 if row.greedy else row.temperature for row in rows]
    numbers = torch.tensor([float(row.numbers[step]) for row in rows], dtype=torch.float64, device=device)
    greedy = torch.tensor([row.greedy for row in rows], device=device)
    temperature = torch.tensor(temperatures, dtype=torch.float64, device=device)
    return next_tokens(state.logits, numbers, greedy, temperature)


def _note(
    logits: Any,
    active: Sequence[int],
    requests: Sequence[GenerationRequest],
    outputs: Sequence[Generated],
    tokens: Any,
) -> None:
    """Note the log-probability of each row's new token, at the temperature of its request."""
    import torch

    heat = torch.tensor([requests[index].temperature for index in active], dtype=logits.dtype, device=logits.device)
    found = (logits / heat[:, None]).log_softmax(-1).gather(1, tokens[:, None]).squeeze(1).tolist()
    for index, value in zip(active, found, strict=True):
        outputs[index].log_probabilities.append(value)


def _advance(model: Any, state: _State, tokens: Any, unfinished: list[int]) -> _State:
    """Drop finished rows, and feed the others their token."""
    import torch

    if not unfinished:
        return _State([], None, None, None, None)
    mask, offset = state.mask, state.offset
    if len(unfinished) < len(state.active):
        kept = torch.tensor(unfinished, device=tokens.device)
        state.cache.batch_select_indices(kept)
        mask, tokens = mask[kept], tokens[kept]
        offset = None if offset is None else offset[kept]
    position = mask.sum(-1, keepdim=True)
    mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=-1)
    out = model(
        input_ids=tokens[:, None],
        attention_mask=mask,
        position_ids=position if offset is None else (position + offset)[None].expand(3, -1, -1),
        past_key_values=state.cache,
        use_cache=True,
    )
    active = [state.active[row] for row in unfinished]
    return _State(active, out.past_key_values, mask, offset, out.logits[:, -1].float())
