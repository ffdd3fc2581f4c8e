"""Reading of input files: bytes are hashed as they are read, images are decoded once, paths stay inside their root."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from anatomy_r1.data.errors import BadRecord, DataError
from anatomy_r1.data.prepared import relative
from anatomy_r1.files import file_sha256


@dataclass(slots=True)
class Inputs:
    """The input folders of a preparation, and the SHA-256 of every file read from them."""

    folders: dict[str, Path]
    """Role (`qa_txt`, `frames`, ...) -> folder."""
    sha256: dict[str, str] = field(default_factory=dict)
    """`role/path below the role's folder` -> SHA-256."""

    def read(self, role: str, path: Path) -> bytes:
        """Content of a file, whose hash is recorded.

        Raises:
            DataError: when the file cannot be read.
        """
        data = read_bytes(path)
        self.sha256[self.key(role, path)] = hashlib.sha256(data).hexdigest()
        return data

    def key(self, role: str, path: Path) -> str:
        """Name of a file in errors and manifests, without the machine-specific part."""
        return f"{role}/{path.relative_to(self.folders[role]).as_posix()}"

    def image(self, role: str, path: Path, where: str) -> None:
        """Decode an image completely and record its hash; `where` names the record that shows it.

        Raises:
            BadRecord: when it is missing or unreadable.
        """
        from PIL import Image

        key = self.key(role, path)
        if not path.is_file():
            raise missing_image(where, key, role)
        if key in self.sha256:
            return
        try:
            with Image.open(path) as image:
                image.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            fix = "fetch the file again; it is truncated or no image"
            raise BadRecord(where, None, f"unreadable image {key} ({type(error).__name__})", fix) from error
        self.sha256[key] = file_sha256(path)

    def sources(self, out: Path) -> dict[str, str]:
        """For the manifest in `out`: role -> path of its folder."""
        return {role: relative(path, out) for role, path in self.folders.items()}


def missing_image(where: str, key: str, role: str) -> BadRecord:
    """The error for an image that is not there."""
    return BadRecord(where, None, f"missing frame {key}", f"fetch it, or point the `{role}` folder at the images")


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises:
        DataError: when it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{path}: cannot be read ({error.strerror}). Fix: {fix}") from error


def read_json(data: bytes, name: str) -> Any:
    """Parsed JSON; `name` is the file, for errors.

    Raises:
        BadRecord: when it is not valid.
    """
    try:
        return json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadRecord(name, None, f"no valid JSON ({error})", "fetch the file again") from error


def inside(path: str, where: str, line: int | None) -> str:
    """A record's image path, normalized; the caller strips leading slashes and blanks.

    Raises:
        BadRecord: when it leaves the root it is relative to.
    """
    pure = PurePosixPath(path.replace("\\", "/"))
    if not path or pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
        raise BadRecord(where, line, f"path {path!r} lies outside the root", "correct the record; paths are relative")
    return pure.as_posix()


def existing_folder(path: Path, what: str) -> Path:
    """The folder itself.

    Raises:
        DataError: when it is missing or empty.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder. Fix: point it at {what}")
    if next(path.iterdir(), None) is None:
        raise DataError(f"{path}: the folder is empty. Fix: unpack {what} into it")
    return path


def in_generated_world(*folders: Path) -> bool:
    """Whether any of the folders lies in a mini world: a score on generated data must never pass for a real one."""
    return any((parent / "world.json").is_file() for f in folders for parent in (f.resolve(), *f.resolve().parents))
