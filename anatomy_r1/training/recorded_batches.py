"""Recorded batches: the inputs of a step's loss, kept so that a certificate can recompute it by formula.

One safetensors file per recorded step beside the training log, `batches/000010.safetensors`. It has `policy`, `old` and
`reference` log-probabilities (`reference` only with a KL term), `advantages` and `mask`; its metadata has the loss that
training computed and what it was divided by. Training never reads these files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.files import atomic_file

Floats = NDArray[np.float64]
FOLDER = "batches"
"""Beside the training log."""
_KEY = "batch"


@dataclass(frozen=True)
class RecordedBatch:
    """The first batch of an optimiser step, as one process saw it: B completions of at most T tokens."""

    step: int
    loss: float
    """As training computed it, in training precision."""
    tokens: float
    """The number of tokens of all processes by which a token mean divides; the mask's sum in methods without one."""
    accumulation: int
    """Gradient accumulation: batches per optimiser step."""
    processes: int
    policy: Floats
    """(B, T) log-probabilities of the sampled tokens under the policy."""
    old: Floats
    """(B, T), under the policy that sampled; equal to `policy` when that is the same one."""
    reference: Floats | None
    """(B, T), under the reference model; None without a KL term."""
    advantages: Floats
    """(B,)"""
    mask: Floats
    """(B, T), 1 for tokens that count."""


def write_batch(folder: Path, batch: RecordedBatch) -> Path:
    """Write a batch atomically, under the name of its step."""
    from safetensors.numpy import save_file

    named = {name: getattr(batch, name) for name in ("policy", "old", "reference", "advantages", "mask")}
    arrays = {name: np.ascontiguousarray(a, np.float32) for name, a in named.items() if a is not None}
    facts = {name: getattr(batch, name) for name in ("step", "loss", "tokens", "accumulation", "processes")}
    path = folder / f"{batch.step:06d}.safetensors"
    with atomic_file(path) as temporary:
        save_file(arrays, temporary, {_KEY: json.dumps(facts)})
    return path


def read_batches(folder: Path) -> Iterator[RecordedBatch]:
    """Every recorded batch of a run, in order of steps.

    Raises:
        ValueError: when a file is not a recorded batch.
    """
    for path in sorted(folder.glob("*.safetensors")):
        try:
            yield _read(path)
        except Exception as error:  # the exception type differs between versions of safetensors
            raise ValueError(
                f"{path}: no recorded batch ({type(error).__name__}: {error}). Fix: train again"
            ) from error


def _read(path: Path) -> RecordedBatch:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as opened:
        facts: dict[str, Any] = json.loads(opened.metadata()[_KEY])
        arrays = {name: opened.get_tensor(name).astype(np.float64) for name in opened.keys()}  # noqa: SIM118
    return RecordedBatch(**facts, **{"reference": None, **arrays})
