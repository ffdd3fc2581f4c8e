"""A new response log, there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.log import ResponseLog


@contextmanager
def new_log(path: Path) -> Iterator[ResponseLog]:
    """A log under a temporary name, renamed at the end; what an earlier run left under that name is thrown away.

    Raises:
        AnatomyR1Error: when `path` is there already.
    """
    if path.exists():
        raise AnatomyR1Error(f"{path}: is there already. Cure: name a file that is not")
    temporary = path.with_name(path.name + ".tmp")
    _discard(temporary)
    try:
        with ResponseLog(temporary) as log:
            yield log
        temporary.replace(path)
    finally:
        _discard(temporary)


def _discard(temporary: Path) -> None:
    for ending in ("", ".lock", "-wal", "-shm"):
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.with_name(temporary.name + ending).unlink()
