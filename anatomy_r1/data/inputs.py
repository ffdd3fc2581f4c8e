"""Input files of the preparations: reading and hashing them, their errors, and what is left out, changed or doubtful.

What cannot be used raises a `DataError`; if it is one record, a `BadRecord`, which `--skip-bad` turns into an entry of
the account.

Example:
    >>> exclusions = Exclusions(skip_bad=True)
    >>> exclusions.bad(BadRecord("qa_txt/VID01/1.txt", 3, "too few columns", "restore the line from the release"))
    >>> exclusions.skipped
    ['qa_txt/VID01/1.txt:3: too few columns']
"""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.validation import parse_json


class DataError(AnatomyR1Error):
    """Input that cannot be used. The message names the place, the problem and the fix."""


class BadRecord(DataError):  # noqa: N818 - it names the record, as DataError names the kind
    """One record that cannot be used."""

    def __init__(self, file: str, line: int | None, problem: str, fix: str) -> None:
        """`line` is 1-based (in JSON lists, the record's position); None for a problem of the whole file."""
        self.where = file if line is None else f"{file}:{line}"
        self.problem = problem
        super().__init__(f"{self.where}: {problem}. Fix: {fix}, or pass --skip-bad to leave it out and have it listed")


@dataclass(slots=True)
class Exclusions:
    """What was left out or changed on the way from a source to a prepared set, and why."""

    skip_bad: bool = False
    skipped: list[str] = field(default_factory=list)
    """`file:line: problem` of each bad record skipped, in reading order."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Valid records that the benchmark does not use, by reason."""
    changed: Counter[str] = field(default_factory=Counter)
    """Images and records that are shown other than they stand in their files, by what was changed."""
    warned: Counter[str] = field(default_factory=Counter)
    """Records that were kept although something about them is doubtful, by what it is."""

    def bad(self, record: BadRecord) -> None:
        """Skip a bad record if bad records are skipped; otherwise raise it."""
        if not self.skip_bad:
            raise record
        self.skipped.append(f"{record.where}: {record.problem}")

    def exclude(self, reason: str, count: int = 1) -> None:
        """Count valid records that are left out."""
        self.excluded[reason] += count

    def as_manifest(self) -> dict[str, object]:
        """The entries `excluded`, `changed`, `warned` and `skipped` of a manifest."""
        counters = {"excluded": self.excluded, "changed": self.changed, "warned": self.warned}
        listed = {name: {what: n for what, n in sorted(found.items()) if n} for name, found in counters.items()}
        return {**listed, "skipped": self.skipped}


@dataclass(slots=True)
class Inputs:
    """The input folders of a preparation, and the SHA-256 of every file read from them."""

    folders: dict[str, Path]
    """Role (`qa_txt`, `frames`, ...) -> folder."""
    sha256: dict[str, str] = field(default_factory=dict)
    """`role/path below the role's folder` -> SHA-256."""

    def read(self, role: str, path: Path) -> bytes:
        """Content of a file, whose hash is recorded."""
        data = read_bytes(path)
        self.sha256[self.key(role, path)] = hashlib.sha256(data).hexdigest()
        return data

    def key(self, role: str, path: Path) -> str:
        """Name of a file in errors and manifests, without the machine-specific part."""
        return f"{role}/{path.relative_to(self.folders[role]).as_posix()}"

    def image(self, role: str, path: Path, where: str) -> tuple[str, ...]:
        """Decode an image completely, record its hash, and return what a model's view of it changes, the first time.

        `where` names the record that shows it.
        """
        from anatomy_r1.data.images import ImageError, check_sides, decode

        key = self.key(role, path)
        if not path.is_file():
            raise self.missing(role, path, where)
        if key in self.sha256:
            return ()
        try:
            decoded = decode(path)
            check_sides(path, decoded.image.size)
        except ImageError as error:
            raise BadRecord(where, None, f"unreadable image {key} ({error.problem})", error.fix) from error
        self.sha256[key] = file_sha256(path)
        return decoded.changes

    def missing(self, role: str, path: Path, where: str) -> BadRecord:
        """The error for an image that is not there."""
        fix = f"fetch it, or point the `{role}` folder at the images"
        return BadRecord(where, None, f"missing frame {self.key(role, path)}", fix)

    def sources(self, out: Path) -> dict[str, str]:
        """For the manifest in `out`: role -> path of its folder."""
        return {role: relative(path, out) for role, path in self.folders.items()}


def relative(path: Path, root: Path) -> str:
    """`path` as the manifest in `root` states it: relative, unless only the file system's root is common to both."""
    target, base = path.resolve(), root.resolve()
    shared = Path(os.path.commonpath([target, base]))
    return str(target) if shared == Path(shared.anchor) else Path(os.path.relpath(target, base)).as_posix()


def resolve(root: Path, stated: str) -> Path:
    """Inverse of `relative`, also where a symbolic link leads to `root`: `..` is then above the link's target."""
    found, meant = Path(os.path.normpath(root / stated)), (root.resolve() / stated).resolve()
    return found if found.resolve() == meant else meant


def read_bytes(path: Path) -> bytes:
    """Content of a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{path}: cannot be read ({error.strerror}). Fix: {fix}") from error


def read_json(data: bytes, name: str) -> Any:
    """Parsed JSON, with no key twice; `name` is the file, for errors."""
    try:
        return parse_json(data, constants=True)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise BadRecord(name, None, f"no valid JSON ({reason})", "fetch the file again") from error


def read_records(data: bytes, name: str, exclusions: Exclusions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Position (from 1) and content of each record of a JSON list; those that are none go to `exclusions`."""
    try:
        content = json.loads(data, object_pairs_hook=_Object)
        problem = "" if isinstance(content, list) else "no list of records"
    except (ValueError, RecursionError) as error:
        content, problem = [], f"no valid JSON ({' '.join(str(error).split())})"
    if problem:
        exclusions.bad(BadRecord(name, None, problem, "fetch the file again"))
        return
    for position, entry in enumerate(content, 1):
        if not isinstance(entry, dict):
            exclusions.bad(BadRecord(name, position, f"no record, but {reprlib.repr(entry)}", "fetch the file again"))
        elif key := _repeated(entry):
            exclusions.bad(BadRecord(name, position, f"key {key!r} twice", "keep one of the two values"))
        else:
            yield position, entry


class _Object(dict[str, Any]):
    """A JSON object that knows which key its text has twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = next((key for key, n in Counter(key for key, _ in pairs).items() if n > 1), "")


def _repeated(content: Any) -> str:
    """A key that some object in `content` has twice, else nothing."""
    if isinstance(content, _Object) and content.repeated:
        return content.repeated
    inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    return next(filter(None, map(_repeated, inner)), "")


NO_VALUE = frozenset({"", "nan", "<na>", "null"})
"""How tables that were written out say that a field has no value, in lower case."""


def field_text(entry: Mapping[str, Any], key: str, where: tuple[str, int]) -> str:
    """Text of a record's field, stripped; empty if it has no value (missing, null, blank, NaN).

    Numbers are read as text. `where`: file and position of the record.

    Raises:
        BadRecord: The value is of another kind, or holds characters that no text has.
    """
    value = entry.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRecord(*where, f"{key}: {reprlib.repr(value)} is no text", f"correct {key} to a text")
    text = str(value).strip()
    if any(unicodedata.category(one) in ("Cc", "Cs") and not one.isspace() for one in text):
        raise BadRecord(*where, f"{key}: {reprlib.repr(text)} holds control characters", f"correct {key}")
    return "" if text.casefold() in NO_VALUE else text


def field_path(entry: Mapping[str, Any], key: str, where: tuple[str, int]) -> str:
    """Path in a record's field, normalized and inside its root; BadRecord if it is none."""
    text = field_text(entry, key, where)
    if text and not isinstance(entry[key], str):
        raise BadRecord(*where, f"{key}: {entry[key]!r} is no path", f"correct {key} to a path")
    return inside(text, *where)


LONGEST_NAME = 255
"""Bytes of the longest file name that file systems take."""


def inside(path: str, where: str, line: int | None) -> str:
    """A record's image path, normalized and inside its root; the caller strips leading slashes and blanks."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or ":" in pure.parts[0] or "\0" in path:
        raise BadRecord(where, line, f"path {path!r} lies outside the root", "correct the record; paths are relative")
    if max(len(os.fsencode(part)) for part in pure.parts) > LONGEST_NAME:
        raise BadRecord(where, line, f"path {reprlib.repr(path)}: no file has such a long name", "correct the record")
    return pure.as_posix()


def existing_folder(path: Path, what: str) -> Path:
    """The folder itself, which must hold something."""
    if not path.is_dir():
        mini = "generated data in the same formats: `anatomy-r1 data mini --out runs/world`"
        raise DataError(f"{path}: no such folder. Fix: point it at {what}; {mini}")
    if next(path.iterdir(), None) is None:
        raise DataError(f"{path}: the folder is empty. Fix: unpack {what} into it")
    return path


def in_generated_world(*folders: Path) -> bool:
    """Whether any of the folders lies in a mini world: a score on generated data must never pass for a real one."""
    return any((parent / "world.json").is_file() for f in folders for parent in (f.resolve(), *f.resolve().parents))
