"""Was a family declared before the run? Git can tell: did the file have these very bytes at the results' own commits?

A result names the commit that made it. Where that commit holds the declaration as it is now, it was written first;
where it holds another, or none, it was not, or was changed since. Where git cannot tell, neither do we.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from anatomy_r1.provenance import git_output

Before = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """Where a family was declared, and what is known about when."""

    path: str
    """Below its repository, or the bare name where there is none."""
    sha256: str
    commit: str
    """Last commit that changed it; empty where it is not committed."""
    committed: str
    """That commit's date, ISO 8601."""
    before: Before
    """`yes`: it stood so at the commit of every result. `no`: at one it did not. `unknown`: git cannot tell."""


def declaration(path: Path, commits: Iterable[str]) -> Declaration:
    """What is known about the file `path`, given the `commits` that made the results."""
    folder = path.resolve().parent
    top = git_output(folder, "rev-parse", "--show-toplevel")
    name = path.resolve().relative_to(Path(top).resolve()).as_posix() if top else path.name
    commit, _, date = git_output(folder, "log", "-1", "--format=%H %cI", "--", path.name).partition(" ")
    blob = git_output(folder, "hash-object", path.name)
    states = [_at(folder, name, blob, one) for one in sorted(set(commits))]
    before: Before = "no" if "no" in states else "unknown" if "unknown" in states or not states else "yes"
    return Declaration(name, hashlib.sha256(path.read_bytes()).hexdigest(), commit, date, before)


def _at(folder: Path, name: str, blob: str, commit: str) -> Before:
    # A commit comes from a result store that anyone may have written: it must not pass for an option of git's.
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit) or git_output(folder, "cat-file", "-t", commit) != "commit":
        return "unknown"
    return "yes" if blob and git_output(folder, "rev-parse", f"{commit}:{name}") == blob else "no"
