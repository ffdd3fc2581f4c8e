"""One writer at a time, by a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error


class FileLock:
    """An exclusive lock on `path`; the file says who holds it and stays behind, empty, when the holder is done.

    Raises:
        AnatomyR1Error: when another process still holds it after `wait` seconds; names the holder.
        OSError: when the file cannot be written.
    """

    def __init__(self, path: Path, *, wait: float = 0.0) -> None:
        self.path = path
        self._file = path.open("a+")
        end = time.monotonic() + wait
        while not self._try():
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

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> str:
        self._file.seek(0)
        return self._file.read().strip() or "another process"

    def release(self) -> None:
        """Let the next one in."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()
