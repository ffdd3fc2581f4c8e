"""Files and folders written atomically, and hashes of files.

A reader finds the old content or the new, never a part: the new content is written beside the final path and renamed.
One writer at a time: two would share the temporary name (`anatomy_r1.locks`).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to write to; it replaces `path` at the end, or is removed after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """An empty temporary folder beside `path` to fill; it replaces `path` at the end, or is removed after an error.

    What a killed process left under the temporary name is removed first. An older folder goes only once the new one is
    in its place. Of a symbolic link, the folder that it leads to is replaced.
    """
    path = path.resolve() if path.is_symlink() else path
    temporary, old = (path.with_name(f".{path.name}.{ending}") for ending in ("tmp", "old"))
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Write `content`, text as UTF-8; returns `path`."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_output(path: Path, content: str | bytes) -> Path:
    """`write_atomic` for a file that the user asked for.

    Raises:
        AnatomyR1Error: when it cannot be written.
    """
    try:
        return write_atomic(path, content)
    except OSError as error:
        raise AnatomyR1Error(f"{path}: cannot be written ({error}). Fix: check disk space and permissions") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity_of(paths: Iterable[Path]) -> str:
    """16 hex digits over names and bytes of some files, in any order."""
    listing = "".join(f"{path.name}\0{file_sha256(path)}\n" for path in sorted(paths))
    return hashlib.sha256(listing.encode()).hexdigest()[:16]
