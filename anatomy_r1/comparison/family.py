"""A family of comparisons, declared before the run, over which Holm's procedure controls the chance of a false verdict.

A declaration is a small YAML file under version control (see docs/statistics.md). Comparisons outside the family get an
interval but no test. Whether it was declared before the run is for git to say: each result names the commit that
made it. If that commit holds the file exactly as it is now, the declaration came first; if it holds another version or
none, it did not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from anatomy_r1.comparison.statistics import LEVEL, SMALLEST_DIFFERENCE
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import git_output
from anatomy_r1.scoring.metrics import K
from anatomy_r1.validation import read_validated

METRICS = (f"avg@{K}", "pass@1", f"major@{K}", "greedy")
"""Metrics that can be tested; each is a share of correct responses per question."""

Pair = frozenset[str]
"""Names of two systems. The tests are two-sided, so it does not matter which one is the baseline."""


@dataclass(frozen=True, slots=True)
class Family:
    """Comparisons that are judged together. A field out of range is a `ValueError`."""

    name: str
    metric: str
    pairs: tuple[Pair, ...]
    level: float = LEVEL
    smallest_difference: float = SMALLEST_DIFFERENCE
    """As a share, not in points."""
    declared: str = ""
    """The day on which the file says it was declared; empty for a family that follows from the command."""

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"metric {self.metric!r}: expected one of {', '.join(METRICS)}")
        if not 0 < self.level < 0.5:
            raise ValueError(f"level {self.level}: expected a number between 0 and 0.5")
        if not 0 < self.smallest_difference <= 1:
            raise ValueError("smallest_difference: expected points above 0 and up to 100")
        if not self.pairs or len(set(self.pairs)) < len(self.pairs) or any(len(pair) != 2 for pair in self.pairs):
            raise ValueError("comparisons: expected at least one, each of two different names, none twice")

    @property
    def strictest_level(self) -> float:
        """The level that Holm's procedure requires of the smallest p: the family's level divided by its size."""
        return self.level / len(self.pairs)

    def adjusted(self, found: Mapping[Pair, float]) -> dict[Pair, float]:
        """Holm-adjusted p of each pair in `found`.

        A declared comparison that was not made counts with p = 1: omitting it must not make the others easier.
        """
        values = holm([found.get(pair, 1.0) for pair in self.pairs])
        return {pair: p for pair, p in zip(self.pairs, values, strict=True) if pair in found}

    def adjusted_floor(self, pair: Pair, floor: float, found: Mapping[Pair, float]) -> float:
        """The adjusted p that `pair` would have at `floor`, the smallest p its test allows, next to the others' p."""
        size, others = len(self.pairs), (found.get(other, 1.0) for other in self.pairs if other != pair)
        below = sorted(p for p in others if p < floor)
        return min(1.0, max((size - rank) * p for rank, p in enumerate([*below, floor])))


def holm(values: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979): the k-th smallest of n times n - k + 1, at least its predecessor, at most 1.

    Example:
        >>> holm([0.5, 0.01, 0.125])
        [0.5, 0.03, 0.25]
    """
    raw = np.asarray(values, dtype=float)
    order = np.argsort(raw, kind="stable")
    adjusted = np.empty(len(raw))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    return [float(p) for p in adjusted]


class _File(BaseModel):
    """A declaration, as it is written; ranges are checked by `Family`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1)]
    declared: date
    metric: str
    level: float
    smallest_difference: float
    """In points."""
    comparisons: list[Annotated[list[str], Field(min_length=2, max_length=2)]]


def load_family(path: Path) -> Family:
    """Read a declaration; an `AnatomyR1Error` names the file, and the key if one is wrong."""
    fix = "see docs/statistics.md"
    file = read_validated(path, _File, what="family of comparisons", fix=fix)
    pairs, smallest = tuple(frozenset(pair) for pair in file.comparisons), file.smallest_difference / 100
    try:
        return Family(file.name, file.metric, pairs, file.level, smallest, file.declared.isoformat())
    except ValueError as error:
        raise AnatomyR1Error(f"{path}: not a valid family of comparisons: {error}. Fix: {fix}") from error


Before = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """Where a family was declared, and what is known about when."""

    path: str
    """Relative to its repository, or the bare name where there is none."""
    sha256: str
    commit: str
    """The last commit that changed it; empty if it is not committed."""
    committed: str
    """That commit's date, ISO 8601."""
    before: Before
    """`yes`: these bytes are in the tree of every result's commit; `no`: not in one's; `unknown`: git cannot tell."""


def declaration(path: Path, commits: Iterable[str]) -> Declaration:
    """What git knows about the file `path`, given the `commits` that made the results."""
    folder = path.resolve().parent
    top = git_output(folder, "rev-parse", "--show-toplevel")
    name = path.resolve().relative_to(Path(top).resolve()).as_posix() if top else path.name
    commit, _, date = git_output(folder, "log", "-1", "--format=%H %cI", "--", path.name).partition(" ")
    blob = git_output(folder, "hash-object", path.name)
    states = [_there_at(folder, blob, one) for one in sorted(set(commits))]
    before: Before = "no" if "no" in states else "unknown" if "unknown" in states or not states else "yes"
    return Declaration(name, hashlib.sha256(path.read_bytes()).hexdigest(), commit, date, before)


def _there_at(folder: Path, blob: str, commit: str) -> Before:
    """Whether a commit's tree has these bytes, under any name: a file that has since been moved is still declared."""
    # A commit comes from a result store that anyone may have written: git must not take it for an option.
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit) or git_output(folder, "cat-file", "-t", commit) != "commit":
        return "unknown"
    there = git_output(folder, "ls-tree", "-r", "--full-tree", commit)
    return "yes" if blob and f" blob {blob}\t" in there else "no"
