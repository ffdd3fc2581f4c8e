"""Under which names a submission stands in a store, and that this store is one for it."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import SUBMITTED, Result, save_result

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
"""A folder's name on any system; no way out of the store."""
PROFILE = "submitted"
"""Profile of a store that held nothing before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Names of a submission.

    Raises:
        AnatomyR1Error: when one is no name of a folder.
    """

    benchmark: str
    model: str
    method: str
    seed: int

    def __post_init__(self) -> None:
        for what, name in (("benchmark", self.benchmark), ("model", self.model), ("method", self.method)):
            if not _NAME.fullmatch(name) or ".." in name:
                fix = "Fix: letters, digits and . _ + - only, beginning with a letter or digit, at most 80"
                raise AnatomyR1Error(f"--{what} {name[:80]!r}: cannot be the name of a folder. {fix}")
        if not 0 <= self.seed < 2**31:
            raise AnatomyR1Error(f"--seed {self.seed}: expected a whole number from 0")

    @property
    def key(self) -> str:
        """Path below the store, without suffix."""
        return f"{self.benchmark}/{self.model}/{self.method}/{SUBMITTED}/seed{self.seed}"


def check_free(store: Path, entry: Entry) -> None:
    """Whether nothing stands under these names yet.

    Raises:
        AnatomyR1Error: when something does.
    """
    for suffix in (".json", ".parquet"):
        if (path := store / f"{entry.key}{suffix}").exists():
            raise AnatomyR1Error(f"{path}: is there already. Fix: another --method or --seed, or delete it yourself")


def profile_of(store: Path, entry: Entry, questions_sha256: str, asked: str | None) -> str:
    """The profile under which an entry enters this store: that of what is there.

    Raises:
        AnatomyR1Error: when the place is taken, another profile is asked for, or the store's results on this benchmark
            are of other questions.
    """
    check_free(store, entry)
    heads = {path: _head(path) for path in sorted(store.glob("*/*/*/*/seed*.json"))}
    for path, head in heads.items():
        theirs = stated(head, "provenance", "data", "questions_sha256")
        if head.get("benchmark") == entry.benchmark and theirs not in (None, questions_sha256):
            fix = "Fix: submit what was asked of the same prepared set, or name another --store"
            raise AnatomyR1Error(f"{path}: answers other questions of {entry.benchmark}. {fix}")
    profiles = sorted({str(head.get("profile")) for head in heads.values()})
    if len(profiles) > 1 or (asked and profiles not in ([], [asked])):
        fix = "Fix: leave --profile out, or name another --store"
        raise AnatomyR1Error(f"{store}: holds results of profile {', '.join(profiles)}. {fix}")
    return asked or (profiles[0] if profiles else PROFILE)


def _head(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnatomyR1Error(f"{path}: not a whole result ({error}). Fix: delete it") from error
    return content if isinstance(content, Mapping) else {}


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """One submission at a time: what was free when it was looked at is free when it is written."""
    store.mkdir(parents=True, exist_ok=True)
    folder = os.open(store, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def enter(store: Path, result: Result) -> Path:
    """Write a result; on a failure nothing of it stays."""
    path = store / f"{result.key}.json"
    try:
        return save_result(store, result)
    except OSError as error:
        for suffix in (".tmp", ".parquet", ".json.tmp"):
            path.with_suffix(suffix).unlink(missing_ok=True)
        raise AnatomyR1Error(
            f"{path}: cannot be written ({error}). Fix: see to space and rights, then submit again"
        ) from error
