"""Next tokens from logits, each row with random numbers of its own.

A row's stream depends on seed, question and repeat only, so neither batch size nor order nor a resumed run changes
which numbers it meets; what is left are the last bits of the logits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.response import Decoding, ResponseKey


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
            raise AnatomyR1Error(f"temperature {self.temperature}: must be above 0. Cure: --temperature 1.0")
        if self.max_new_tokens < 1:
            raise AnatomyR1Error(f"max_new_tokens {self.max_new_tokens}: must be at least 1")
        if (self.top_p, self.top_k, self.repetition_penalty) != (1.0, 0, 1.0):
            raise AnatomyR1Error("this engine samples from the whole distribution: set top_p 1, top_k 0, penalty 1")

    def as_dict(self) -> dict[str, Any]:
        """All fields, for the log."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # asdict would copy each value deeply


def uniforms(seed: int, benchmark: str, question_id: str, repeat: int, count: int) -> Any:
    """The first `count` numbers in [0, 1) of the stream that belongs to one response; a float64 array."""
    import numpy as np

    name = f"{seed}\0{benchmark}\0{question_id}\0{repeat}"
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    return np.random.Generator(np.random.Philox(key=key)).random(count)


def response_seed(key: ResponseKey, bits: int) -> int:
    """A response's seed for an engine that draws by itself: of run seed, benchmark, question and repeat alone."""
    name = f"{key.seed}\0{key.benchmark}\0{key.question_id}\0{key.repeat}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> (64 - bits)


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
