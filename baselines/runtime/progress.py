"""Progress of each stage in a small file: the grid reads it, and it remains when the stage is killed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from anatomy_r1.files import write_atomic

ProgressCallback = Callable[[int, int], None]
"""(done, total) -> None: reports how far a stage is."""


def silent(done: int, total: int) -> None:
    """A `ProgressCallback` that reports nothing."""


@dataclass(frozen=True)
class Progress:
    """State of a stage when it was written: `running`, `done` or `failed` (with `reason` and `log`)."""

    name: str
    state: str
    done: int = 0
    total: int = 1
    reason: str = ""
    log: str = ""
    unix_time: float = 0.0
    started: float = 0.0
    """When this run of the stage began, in Unix time; 0 if it did not say."""
    first: int = 0
    """`done` when it was first reported: what an earlier run left."""


def write_progress(path: Path, progress: Progress) -> None:
    """Write the file atomically."""
    write_atomic(path, json.dumps({**asdict(progress), "unix_time": time.time()}))


def read_progress(root: Path) -> list[Progress]:
    """Every stage that has reported."""
    return [Progress(**json.loads(path.read_text())) for path in sorted(root.glob("**/*.json"))]


def share_done(progress: Progress, expected: float, now: float) -> float:
    """Share of a stage that is done, 0 to 1: counted if the stage counts, otherwise guessed from `expected` seconds."""
    if progress.state != "running":
        return 1.0
    if progress.total > 1:
        return progress.done / progress.total
    return min(0.95, (now - progress.unix_time) / max(expected, 1.0))


def reporter(path: Path, name: str, every: float = 1.0) -> ProgressCallback:
    """A callback that writes at most once in `every` seconds, and always at the end."""
    last, began, first = [0.0], time.time(), list[int]()

    def report(done: int, total: int) -> None:
        now = time.monotonic()
        first.extend([] if first else [done])
        if done >= total or now - last[0] >= every:
            last[0] = now
            write_progress(path, Progress(name, "running", done, total, started=began, first=first[0]))

    return report
