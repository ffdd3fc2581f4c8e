"""One GPU to each stage that needs one: the first that no other stage holds, by a lock that dies with its holder.

Snakemake counts GPUs and does not say which: four evaluations at a time would all compute on the first.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextmanager
def one_gpu(candidates: Sequence[str], locks: Path, poll: float = 1.0) -> Iterator[str]:
    """Hold one of `candidates`, waiting for it, and make it the only one that CUDA sees; none given: nothing is done.

    Args:
        candidates: names as in CUDA_VISIBLE_DEVICES.
        locks: folder of the locks, shared by all stages of this machine.
        poll: seconds between two looks.
    """
    if not candidates:
        yield ""
        return
    locks.mkdir(parents=True, exist_ok=True)
    before = os.environ.get(VISIBLE)
    while True:
        for name in candidates:
            with (locks / f"gpu-{name.replace('/', '_')}.lock").open("w") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                os.environ[VISIBLE] = name
                try:
                    yield name
                finally:
                    _restore(before)
                return
        time.sleep(poll)


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(VISIBLE, None)
    else:
        os.environ[VISIBLE] = before


def visible(count: int) -> list[str]:
    """GPUs that this process may use: those a scheduler or user named, else all `count` that there are."""
    named = os.environ.get(VISIBLE)
    if named is None:
        return [str(number) for number in range(count)]
    return [name for name in named.split(",") if name and name != "-1"]
