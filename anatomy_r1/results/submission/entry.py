"""The place of a submission in a result store: its key, whether the place is free, and writing it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import SUBMITTED, Result, save_result

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
"""A valid folder name on any system, which cannot lead out of the store."""
PROFILE = "submitted"
"""Profile of a store that was empty before."""


@dataclass(frozen=True, slots=True)
class ResultKey:
    """Names under which a submission is stored.

    Raises:
        AnatomyR1Error: when one of them cannot be the name of a folder.
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
            raise AnatomyR1Error(f"--seed {self.seed}: expected an integer from 0 to 2**31 - 1")

    @property
    def path(self) -> str:
        """Path below the store, without suffix."""
        return f"{self.benchmark}/{self.model}/{self.method}/{SUBMITTED}/seed{self.seed}"


def check_free(store: Path, key: ResultKey) -> None:
    """Check that no result has this key yet.

    Raises:
        AnatomyR1Error: when one has.
    """
    for suffix in (".json", ".parquet"):
        if (path := store / f"{key.path}{suffix}").exists():
            raise AnatomyR1Error(f"{path}: exists already. Fix: another --method or --seed, or delete it yourself")


def profile_of(store: Path, key: ResultKey, questions_sha256: str, asked: str | None) -> str:
    """The profile of a submission: that of the results in the store.

    Raises:
        AnatomyR1Error: when the key is taken, another profile is asked for, or the store's results on this benchmark
            answer other questions.
    """
    check_free(store, key)
    heads = {path: _head(path) for path in sorted(store.glob("*/*/*/*/seed*.json"))}
    for path, head in heads.items():
        theirs = stated(head, "provenance", "data", "questions_sha256")
        if head.get("benchmark") == key.benchmark and theirs not in (None, questions_sha256):
            fix = "Fix: submit a run on the same prepared set, or name another --store"
            raise AnatomyR1Error(f"{path}: answers other questions of {key.benchmark}. {fix}")
    profiles = sorted({str(head.get("profile")) for head in heads.values()})
    if len(profiles) > 1 or (asked and profiles not in ([], [asked])):
        fix = "Fix: leave --profile out, or name another --store"
        raise AnatomyR1Error(f"{store}: holds results of profile {', '.join(profiles)}. {fix}")
    return asked or (profiles[0] if profiles else PROFILE)


def _head(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnatomyR1Error(f"{path}: not a complete result ({error}). Fix: delete it") from error
    return content if isinstance(content, Mapping) else {}


def enter(store: Path, result: Result) -> Path:
    """Write a result; a failed write leaves no files."""
    path = store / f"{result.key}.json"
    try:
        return save_result(store, result)
    except OSError as error:
        for suffix in (".tmp", ".parquet", ".json.tmp"):
            path.with_suffix(suffix).unlink(missing_ok=True)
        raise AnatomyR1Error(
            f"{path}: cannot be written ({error}). Fix: check disk space and permissions, then submit again"
        ) from error
