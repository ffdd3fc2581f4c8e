"""Errors in input data, and the account of the records that a preparation leaves out.

Example:
    >>> exclusions = Exclusions(skip_bad=True)
    >>> exclusions.bad(BadRecord("qa_txt/VID01/1.txt", 3, "too few columns", "restore the line from the release"))
    >>> exclusions.skipped
    ['qa_txt/VID01/1.txt:3: too few columns']
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from anatomy_r1.errors import AnatomyR1Error


class DataError(AnatomyR1Error):
    """Input that cannot be used. The message names the place, the problem and the fix."""


class BadRecord(DataError):  # noqa: N818 - it names the record, as DataError names the kind
    """One record that cannot be used. With `--skip-bad` it is skipped and listed instead."""

    def __init__(self, file: str, line: int | None, problem: str, fix: str) -> None:
        """`line` is 1-based (in JSON lists, the record's position); None for a problem of the whole file."""
        self.where = file if line is None else f"{file}:{line}"
        self.problem = problem
        super().__init__(f"{self.where}: {problem}. Fix: {fix}, or pass --skip-bad to leave it out and have it listed")


@dataclass(slots=True)
class Exclusions:
    """What was left out on the way from a source to a prepared set, and why."""

    skip_bad: bool = False
    """Skip and list bad records instead of stopping at the first."""
    skipped: list[str] = field(default_factory=list)
    """`file:line: problem` of each bad record skipped, in reading order."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Valid records that the benchmark does not use, by reason."""

    def bad(self, record: BadRecord) -> None:
        """Skip a bad record, or stop at it.

        Raises:
            BadRecord: the record itself, unless bad records are skipped.
        """
        if not self.skip_bad:
            raise record
        self.skipped.append(f"{record.where}: {record.problem}")

    def exclude(self, reason: str, count: int = 1) -> None:
        """Count valid records that are left out."""
        self.excluded[reason] += count

    def as_manifest(self) -> dict[str, object]:
        """The entries `excluded` and `skipped` of a manifest."""
        return {"excluded": {reason: n for reason, n in sorted(self.excluded.items()) if n}, "skipped": self.skipped}
