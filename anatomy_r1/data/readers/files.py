"""Reading input files: bytes are hashed as they are read, images decoded once, record paths stay inside a root."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from anatomy_r1.data.problems import BadRecord, DataError
from anatomy_r1.files import file_sha256


@dataclass(slots=True)
class Inputs:
    """SHA-256 of every file that a prepared set was made from, by `role/path below the role's folder`."""

    folders: dict[str, Path]
    """Role (`qa_txt`, `frames`, ...) -> folder."""
    sha256: dict[str, str] = field(default_factory=dict)

    def read(self, role: str, path: Path) -> bytes:
        """Content of a file; its hash is noted.

        Raises:
            DataError: when the file cannot be read.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}). Fix: check the path and its rights") from error
        self.sha256[self.key(role, path)] = hashlib.sha256(data).hexdigest()
        return data

    def key(self, role: str, path: Path) -> str:
        """Name of a file in errors and manifests; no machine-specific part."""
        return f"{role}/{path.relative_to(self.folders[role]).as_posix()}"

    def image(self, role: str, path: Path, where: str) -> None:
        """Decode an image to the last row and note its hash; `where` names the record that shows it.

        Raises:
            BadRecord: when it is missing or no image.
        """
        from PIL import Image

        if not path.is_file():
            raise missing_image(where, self.key(role, path), role)
        if (key := self.key(role, path)) in self.sha256:
            return
        try:
            with Image.open(path) as picture:
                picture.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            fix = "fetch the file again; it is cut short or no image"
            raise BadRecord(where, None, f"unreadable image {key} ({type(error).__name__})", fix) from error
        self.sha256[key] = file_sha256(path)


def missing_image(where: str, key: str, role: str) -> BadRecord:
    """What to say of an image that is not there."""
    return BadRecord(where, None, f"missing frame {key}", f"fetch it, or point the `{role}` folder at the images")


def read_json(data: bytes, name: str, line: int | None = None) -> Any:
    """Parsed JSON.

    Raises:
        BadRecord: when it is none.
    """
    try:
        return json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadRecord(name, line, f"no valid JSON ({error})", "fetch the file again") from error


def inside(path: str, where: str, line: int | None) -> str:
    """A record's image path, normalised; leading slashes and blanks are for the caller to cut.

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
