"""One process at a time, by `flock`: the kernel releases the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from anatomy_r1.errors import AnatomyR1Error


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file without waiting; False when another process holds it. Closing the file releases the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file, which is made, or on a folder; waits for the process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class FileLock:
    """An exclusive lock on the file `path`, which names its holder and stays behind, empty, when released.

    Raises:
        AnatomyR1Error: when another process still holds it after `wait` seconds; names the holder.
        OSError: when the file cannot be written.
    """

    def __init__(self, path: Path, *, wait: float = 0.0) -> None:
        self.path = path
        self._file = path.open("a+")
        end = time.monotonic() + wait
        while not try_lock(self._file):
            if time.monotonic() >= end:
                holder = self._holder()
                self._file.close()
                raise AnatomyR1Error(
                    f"{path}: {holder} is writing. Fix: wait until it is done, or stop it and run the same command"
                )
            time.sleep(0.1)
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        self._file.flush()

    def _holder(self) -> str:
        self._file.seek(0)
        return self._file.read().strip() or "another process"

    def release(self) -> None:
        """Release the lock."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()
