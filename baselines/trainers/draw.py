"""One generated and scored batch, and what its rewards say about groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

SPREAD = 1e-6
"""A group whose largest and smallest reward differ by no more is constant. A standard deviation is no test: that of
eight rewards of 1.2 in float32 is not zero, and TRL's `isclose(std, 0)` does not see it."""


@dataclass(frozen=True)
class Draw:
    """Rows that this process served, and what came of them."""

    rows: Sequence[dict[str, Any]]
    batch: dict[str, Any]
    """TRL's tensors, rows first."""
    completions: Sequence[Any]
    rewards: torch.Tensor
    """(rows of all processes, reward functions)."""
    totals: torch.Tensor
    """(rows of all processes,): weighted sum over functions."""


def varied(values: torch.Tensor, group: int) -> torch.Tensor:
    """Whether each group of `group` values in a row, (N,) -> (N / group,), is not constant."""
    grouped = values.view(-1, group)
    return (grouped.amax(1) - grouped.amin(1)) > SPREAD
