"""Hashes of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity_of(paths: Iterable[Path]) -> str:
    """16 hex digits over names and bytes of some files, in any order."""
    listing = "".join(f"{path.name}\0{file_sha256(path)}\n" for path in sorted(paths))
    return hashlib.sha256(listing.encode()).hexdigest()[:16]
