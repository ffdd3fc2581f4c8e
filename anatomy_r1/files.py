"""Files that are there whole or not at all.

Hashes of files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to, renamed at the end; after an error nothing of it stays.

    One writer at a time: two would share the temporary name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write `content`, text in UTF-8; returns `path`."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_output(path: Path, content: str | bytes) -> Path:
    """`write_whole` for what a person asked for.

    Raises:
        AnatomyR1Error: when it cannot be written.
    """
    try:
        return write_whole(path, content)
    except OSError as error:
        raise AnatomyR1Error(f"{path}: cannot be written ({error}). Fix: see to space and rights") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity_of(paths: Iterable[Path]) -> str:
    """16 hex digits over names and bytes of some files, in any order."""
    listing = "".join(f"{path.name}\0{file_sha256(path)}\n" for path in sorted(paths))
    return hashlib.sha256(listing.encode()).hexdigest()[:16]
