"""A family of comparisons, declared before the run, over which Holm's procedure keeps the chance of a false verdict.

A declaration is a small YAML file under version control:

    name: asc and gdqa against grpo
    declared: 2026-11-01            # a day, for people; git says what it proves
    metric: avg@5
    level: 0.05
    smallest_difference: 5          # points; a minimum detectable difference above it is underpowered
    comparisons:                    # baseline first; benchmark/model/method/arm, as in the result store
      - [sgg_anatomy_mini/mini-l/grpo/matched, sgg_anatomy_mini/mini-l/grpo-asc/matched]
      - [sgg_anatomy_mini/mini-l/grpo/matched, sgg_anatomy_mini/mini-l/grpo-gdqa/matched]

Whatever is compared besides has an interval but no test.

Was a family declared before the run? Git can tell: did the file have these very bytes at the results' own commits?

A result names the commit that made it. Where that commit holds the declaration as it is now, it was written first;
where it holds another, or none, it was not, or was changed since. Where git cannot tell, neither do we.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from statsmodels.stats.multitest import multipletests

from anatomy_r1.comparison.verdict import LEVEL, SMALLEST_DIFFERENCE
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import git_output
from anatomy_r1.scoring.metrics import K

METRICS = (f"avg@{K}", "pass@1", f"major@{K}", "greedy")
"""Metrics that can be tested; each is a share of right responses a question."""
_KEYS = ("name", "declared", "metric", "level", "smallest_difference", "comparisons")

Pair = frozenset[str]
"""Names of two systems; the tests are two-sided, so which is the baseline does not matter to them."""


@dataclass(frozen=True, slots=True)
class Family:
    """Comparisons that are judged together.

    Raises:
        ValueError: when a field makes no sense.
    """

    name: str
    metric: str
    pairs: tuple[Pair, ...]
    level: float = LEVEL
    smallest_difference: float = SMALLEST_DIFFERENCE
    """As a share, not in points."""
    declared: str = ""
    """Day on which it says it was declared; empty where it was not declared but follows from the command."""

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
        """Level that Holm asks of the smallest p: the family's, divided by its size."""
        return self.level / len(self.pairs)

    def adjusted(self, found: Mapping[Pair, float]) -> dict[Pair, float]:
        """Holm-adjusted p of each pair in `found` (statsmodels).

        A declared comparison that was not made counts with p = 1: leaving it out must not make the others easier.
        """
        raw = [found.get(pair, 1.0) for pair in self.pairs]
        values = multipletests(raw, alpha=self.level, method="holm")[1].tolist()
        return {pair: p for pair, p in zip(self.pairs, values, strict=True) if pair in found}

    def adjusted_floor(self, pair: Pair, floor: float, found: Mapping[Pair, float]) -> float:
        """What Holm would have made of `floor`, the smallest p that the test of `pair` allows, beside the others' p."""
        size, others = len(self.pairs), (found.get(other, 1.0) for other in self.pairs if other != pair)
        below = sorted(p for p in others if p < floor)
        return min(1.0, max((size - rank) * p for rank, p in enumerate([*below, floor])))


def load_family(path: Path) -> Family:
    """Read a declaration.

    Raises:
        AnatomyR1Error: when the file is missing or is not one; says which entry is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _family(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, TypeError) as error:
        raise AnatomyR1Error(f"{path}: not a family of comparisons: {error}. Fix: see docs/statistics.md") from error


def _family(content: Any) -> Family:
    if not isinstance(content, Mapping) or sorted(map(str, content)) != sorted(_KEYS):
        raise ValueError(f"expected exactly the entries {', '.join(_KEYS)}")
    if not isinstance(content["declared"], date):
        raise ValueError("declared: expected a day, as 2026-11-01")
    return Family(
        name=str(content["name"]),
        metric=content["metric"],
        pairs=tuple(_pair(entry) for entry in _listed(content["comparisons"])),
        level=float(content["level"]),
        smallest_difference=float(content["smallest_difference"]) / 100,
        declared=content["declared"].isoformat(),
    )


def _listed(entries: Any) -> Sequence[Any]:
    if not isinstance(entries, list):
        raise ValueError("comparisons: expected a list of pairs")
    return entries


def _pair(entry: Any) -> Pair:
    if not isinstance(entry, list) or len(entry) != 2 or not all(isinstance(name, str) for name in entry):
        raise ValueError(f"comparison {entry!r}: expected [baseline, other], two names of systems")
    return frozenset(entry)


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
