"""Are these numbers the committed ones, byte for byte? If not, which are not, and why?

What is compared is the question table of each result: every sample of every question, as scored. Rounded metrics could
agree by chance. Whether two tables are equal does not depend on the Parquet file that holds them.

Example:
    python -m anatomy_r1.results.agreement runs/mini results/mini --seeds 0
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import ROOT, git_output, stated
from anatomy_r1.results.store import Result, load_results

_SHOWN = 3
"""Most results that are named."""


def table_hash(result: Result) -> str:
    """16 hex digits of the question table, whatever the order of its rows and columns."""
    table = result.questions.sort_values("id", ignore_index=True)
    lines = table[sorted(table.columns)].to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Agreement:
    """Results beside the committed ones of the same key."""

    equal: tuple[str, ...]
    different: Mapping[str, str]
    """Key -> why, as far as provenance tells."""
    unknown: tuple[str, ...]
    """Keys without a committed result."""

    def sentence(self, seeds: Iterable[int], committed: str) -> str:
        """One line for the end of a run."""
        of = f"seed {', '.join(map(str, seeds))}"
        count = len(self.equal) + len(self.different)
        more = f"; {len(self.unknown)} more have no committed result" if self.unknown else ""
        if not count:
            return f"{of}: {committed} has none of these results, so nothing was compared"
        if not self.different:
            return f"{of}: all {count} results are, byte for byte, the committed ones of {committed}{more}"
        found = f"{len(self.different)} of {count} results differ from the committed ones of {committed}"
        return f"{of}: {found}: {self._named()}. Why: {self._why()}{more}"

    def _named(self) -> str:
        names, more = [*self.different][:_SHOWN], len(self.different) - _SHOWN
        return ", ".join(names) + (f" and {more} more" if more > 0 else "")

    def _why(self) -> str:
        causes = Counter(self.different.values()).most_common()
        return "; ".join(f"{cause} ({number})" for cause, number in causes)


def compare_stores(made: Sequence[Result], committed: Sequence[Result]) -> Agreement:
    """Compare each result with the committed one of its key."""
    known = {result.key: result for result in committed}
    equal, different, unknown = [], {}, []
    for result in made:
        other = known.get(result.key)
        if other is None:
            unknown.append(result.key)
        elif table_hash(result) == table_hash(other):
            equal.append(result.key)
        else:
            different[result.key] = why_different(result, other)
    return Agreement(tuple(equal), different, tuple(unknown))


def why_different(made: Result, committed: Result) -> str:
    """The first cause that provenance shows, from what decides most to what decides least."""
    for name, cause in _CAUSES.items():
        if told := cause(made, committed):
            return f"{name}: {told}"
    changed = ", ".join(numbers_changes(str(committed.provenance.get("commit") or "")))
    if changed:
        return f"the code moved numbers since: {changed}"
    return "not known: data, settings, arithmetic and versions are the same"


def _arithmetic(made: Result, committed: Result) -> str:
    ours, theirs = (stated(one.provenance, "arithmetic") or {"mode": "native"} for one in (made, committed))
    if ours["mode"] != theirs["mode"]:
        return f"{ours['mode']} here, {theirs['mode']} there"
    if ours["mode"] == "native":
        return "native, whose numbers depend on the processor"
    prints = (ours.get("fingerprint"), theirs.get("fingerprint"))
    return f"this machine's fingerprint is {prints[0]}, not {prints[1]}" if prints[0] != prints[1] else ""


def _data(made: Result, committed: Result) -> str:
    hashes = [stated(one.provenance, "data", "questions_sha256") for one in (made, committed)]
    return "other test questions" if hashes[0] != hashes[1] else ""


def _settings(made: Result, committed: Result) -> str:
    ours, theirs = (_stated_settings(one) for one in (made, committed))
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    return ", ".join(names[:_SHOWN]) + (" and more" if len(names) > _SHOWN else "")


def _stated_settings(result: Result) -> dict[str, Any]:
    """Of training and of sampling, flat: the profile's own arithmetic aside, which is a cause of its own."""
    plan = _flat(stated(result.provenance, "training", "plan")) | _flat(
        stated(result.provenance, "sampling", "decoding")
    )
    return {name: value for name, value in plan.items() if name.rpartition(".")[2] not in ("arithmetic", "optim")}


def _flat(record: Any, at: str = "") -> dict[str, Any]:
    if not isinstance(record, Mapping):
        return {at: record} if at else {}
    below = (_flat(value, f"{at}.{key}".lstrip(".")) for key, value in record.items())
    return {name: value for one in below for name, value in one.items()}


def _versions(made: Result, committed: Result) -> str:
    ours, theirs = (stated(one.provenance, "packages") or {} for one in (made, committed))
    moved = [name for name in sorted(theirs) if ours.get(name) != theirs[name]]
    return ", ".join(f"{name} {ours.get(name)}, not {theirs[name]}" for name in moved)


_CAUSES: Mapping[str, Callable[[Result, Result], str]] = {
    "data": _data,
    "settings": _settings,
    "arithmetic": _arithmetic,
    "versions": _versions,
}
"""What can move numbers, beside the code."""


def numbers_changes(commit: str, root: Path = ROOT) -> list[str]:
    """Lines that CHANGELOG.md marked `numbers` since a commit, as far as git knows it."""
    if not commit.isalnum() or git_output(root, "cat-file", "-t", commit) != "commit":
        return []
    lines = git_output(root, "diff", commit, "--unified=0", "--", "CHANGELOG.md").splitlines()
    return [line[1:].strip(" -")[:60] for line in lines if line.startswith("+") and "`numbers`" in line]


def main(words: Sequence[str]) -> int:
    """Print the sentence; exit status 1 where a result differs."""
    parser = argparse.ArgumentParser(description="Compare results with the committed ones, byte for byte.")
    parser.add_argument("made", type=Path, help="result store, or the folder of a run")
    parser.add_argument("committed", type=Path, help="result store, or a committed folder")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="default: 0")
    args = parser.parse_args(words)
    try:
        made = [result for result in load_results(args.made) if result.seed in args.seeds]
        committed = load_results(args.committed, [result.key for result in made])
    except AnatomyR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = compare_stores(made, committed)
    print(found.sentence(args.seeds, args.committed.as_posix()))
    return int(bool(found.different))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
