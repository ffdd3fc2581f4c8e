"""Many responses from one prefill: each prompt (and its picture) is read once, then every response goes its own way.

Positions are given to the model explicitly. Left to itself, Qwen2.5-VL repeats its stored offset between text and
multimodal rotary positions evenly over the rows, which is wrong once some responses are there already or have ended.

Next tokens from logits, each row with random numbers of its own.

A row's stream depends on seed, question and repeat only, so neither batch size nor order nor a resumed run changes
which numbers it meets; what is left are the last bits of the logits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


def uniforms(seed: int, benchmark: str, question_id: str, repeat: int, count: int) -> Any:
    """The first `count` numbers in [0, 1) of the stream that belongs to one response; a float64 array."""
    import numpy as np

    name = f"{seed}\0{benchmark}\0{question_id}\0{repeat}"
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    return np.random.Generator(np.random.Philox(key=key)).random(count)


def next_tokens(logits: Any, numbers: Any, greedy: Any, temperature: Any) -> Any:
    """One token a row: the most likely one, or by inverting the cumulative distribution at the row's number.

    Args:
        logits: (rows, vocabulary).
        numbers: (rows,) uniform in [0, 1), float64.
        greedy: (rows,) whether the row takes the most likely token.
        temperature: (rows,) divides the logits of the other rows.
    """
    import torch

    likely = logits.argmax(dim=-1)
    if bool(greedy.all()):
        return likely
    # float64: a sum over 150,000 tokens must not lose the tail
    cumulative = torch.softmax(logits.double() / temperature.unsqueeze(-1), dim=-1).cumsum(dim=-1)
    target = (numbers * cumulative[:, -1]).unsqueeze(-1)
    drawn = torch.searchsorted(cumulative, target, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)
    return torch.where(greedy, likely, drawn)


@dataclass(frozen=True, slots=True)
class Row:
    """One response to generate."""

    prompt: int
    """Index of its prompt in the batch."""
    numbers: Sequence[float]
    """Its random numbers, one a token; its length is the most tokens it may have."""
    greedy: bool
    temperature: float


@dataclass(slots=True)
class Generated:
    """One response as tokens."""

    tokens: list[int] = field(default_factory=list)
    """The end token included, where there is one."""
    finish_reason: Literal["stop", "length"] = "length"


Watch = Callable[[list[int], Any], None]
"""Called at each step with the rows still going and their logits, (rows, vocabulary)."""


def decode(
    model: Any, inputs: dict[str, Any], rows: Sequence[Row], end_tokens: Collection[int], watch: Watch | None = None
) -> list[Generated]:
    """Generate all rows, in the order given.

    Args:
        model: an image-text-to-text model of transformers.
        inputs: what its processor made of the prompts, padded on the left.
        rows: the responses wanted; any number a prompt.
        end_tokens: ids that end a response.
        watch: for tests and analysis.
    """
    import torch

    made = [Generated() for _ in rows]
    with torch.inference_mode():
        state = _prefill(model, inputs, rows)
        while state.going:
            if watch:
                watch(list(state.going), state.logits)
            tokens = _pick(state, rows, made)
            state = _advance(model, state, tokens, _still_going(state.going, tokens.tolist(), rows, made, end_tokens))
    return made


@dataclass(slots=True)
class _State:
    going: list[int]
    """Rows still going: batch position -> index of the row."""
    cache: Any
    mask: Any
    """(rows, positions) 1 where a token stands, 0 where padding does."""
    offset: Any
    """(rows, 1) multimodal minus text position, or None where the model has only one kind."""
    logits: Any


def _prefill(model: Any, inputs: dict[str, Any], rows: Sequence[Row]) -> _State:
    import torch

    mask = inputs["attention_mask"]
    with_picture = inputs.get("pixel_values") is not None
    # Without a picture the model would count padding as positions
    positions = {} if with_picture else {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    out = model(**inputs, **positions, use_cache=True, logits_to_keep=1)
    which = torch.tensor([row.prompt for row in rows], device=mask.device)
    out.past_key_values.batch_select_indices(which)
    deltas = getattr(out, "rope_deltas", None) if with_picture else None
    offset = None if deltas is None else deltas.to(mask.device)[which]
    return _State(list(range(len(rows))), out.past_key_values, mask[which], offset, out.logits[which, -1].float())


def _pick(state: _State, rows: Sequence[Row], made: Sequence[Generated]) -> Any:
    import torch

    place = {"device": state.logits.device}
    mine = [rows[index] for index in state.going]
    step = len(made[state.going[0]].tokens)  # all rows have gone as many steps
    numbers = torch.tensor([float(row.numbers[step]) for row in mine], dtype=torch.float64, **place)
    greedy = torch.tensor([row.greedy for row in mine], **place)
    temperature = torch.tensor([1.0 if row.greedy else row.temperature for row in mine], dtype=torch.float64, **place)
    return next_tokens(state.logits, numbers, greedy, temperature)


def _still_going(
    going: Sequence[int],
    tokens: Sequence[int],
    rows: Sequence[Row],
    made: Sequence[Generated],
    end_tokens: Collection[int],
) -> list[int]:
    """Add each row's token; batch positions of the rows that go on."""
    keep = []
    for position, (index, token) in enumerate(zip(going, tokens, strict=True)):
        made[index].tokens.append(token)
        if token in end_tokens:
            made[index].finish_reason = "stop"
        elif len(made[index].tokens) < len(rows[index].numbers):
            keep.append(position)
    return keep


def _advance(model: Any, state: _State, tokens: Any, keep: list[int]) -> _State:
    """Drop the rows that have ended, feed the others their token."""
    import torch

    if not keep:
        return _State([], None, None, None, None)
    mask, offset = state.mask, state.offset
    if len(keep) < len(state.going):
        kept = torch.tensor(keep, device=tokens.device)
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
    going = [state.going[place] for place in keep]
    return _State(going, out.past_key_values, mask, offset, out.logits[:, -1].float())
