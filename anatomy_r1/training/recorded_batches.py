"""Recorded batches: what the loss of a step was computed from, so that it can be computed again by another formula.

One safetensors file a recorded step beside the training log, `batches/000010.safetensors`: `policy`, `old` and
`reference` log-probabilities (the last two only where the method has them), `advantages` and `mask`; in its metadata
the loss that training used, and what it was divided by. Nothing of it goes back into training.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.files import whole_file

Floats = NDArray[np.float64]
FOLDER = "batches"
"""Beside the training log."""
_KEY = "batch"


@dataclass(frozen=True)
class RecordedBatch:
    """The first batch of one optimiser step, as one process saw it: B completions of at most T tokens."""

    step: int
    loss: float
    """As training computed it, in its own precision."""
    tokens: float
    """Tokens of all processes that a token mean divides by; the mask's sum where the method has none."""
    accumulation: int
    """Batches that make one optimiser step."""
    processes: int
    policy: Floats
    """(B, T) log-probabilities of the sampled tokens; likewise the next two."""
    old: Floats
    """Under the policy that sampled; `policy` itself where both are one."""
    reference: Floats | None
    """Under the reference model; None without a KL term."""
    advantages: Floats
    """(B,)"""
    mask: Floats
    """(B, T), 1 where a token counts."""


def write_batch(folder: Path, batch: RecordedBatch) -> Path:
    """Write a batch under its step's name, whole or not at all."""
    from safetensors.numpy import save_file

    named = {name: getattr(batch, name) for name in ("policy", "old", "reference", "advantages", "mask")}
    arrays = {name: np.ascontiguousarray(a, np.float32) for name, a in named.items() if a is not None}
    said = {name: getattr(batch, name) for name in ("step", "loss", "tokens", "accumulation", "processes")}
    path = folder / f"{batch.step:06d}.safetensors"
    with whole_file(path) as temporary:
        save_file(arrays, temporary, {_KEY: json.dumps(said)})
    return path


def read_batches(folder: Path) -> Iterator[RecordedBatch]:
    """Every recorded batch of a run, in the order of steps; none where nothing was recorded.

    Raises:
        ValueError: when a file is no recorded batch; names it.
    """
    for path in sorted(folder.glob("*.safetensors")):
        try:
            yield _read(path)
        except Exception as error:  # safetensors has an exception type of its own in each of its versions
            raise ValueError(f"{path}: no recorded batch ({type(error).__name__}: {error}); train again") from error


def _read(path: Path) -> RecordedBatch:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as opened:
        said: dict[str, Any] = json.loads(opened.metadata()[_KEY])
        arrays = {name: opened.get_tensor(name).astype(np.float64) for name in opened.keys()}  # noqa: SIM118
    return RecordedBatch(**said, **{"reference": None, **arrays})
