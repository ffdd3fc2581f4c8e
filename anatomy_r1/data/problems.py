"""What readers raise, and what they do with a bad record: stop, or count it and go on.

Example:
    >>> problems = Problems(skip=True)
    >>> problems.bad(BadRecord("qa_txt/VID01/1.txt", 3, "too few columns", "restore the line from the release"))
    >>> problems.skipped
    ['qa_txt/VID01/1.txt:3: too few columns']
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from anatomy_r1.errors import AnatomyR1Error


class DataError(AnatomyR1Error):
    """Input that cannot be used. The message says where, what is wrong and what to do."""


class BadRecord(DataError):  # noqa: N818 - it names the record, as DataError names the kind
    """One record that cannot be used; with `--skip-bad` it is counted and listed instead."""

    def __init__(self, file: str, line: int | None, problem: str, fix: str) -> None:
        """`line` is 1-based (for JSON lists: the record's position, from 1); None when the whole file is meant."""
        self.where = file if line is None else f"{file}:{line}"
        self.problem = problem
        self.fix = fix
        super().__init__(f"{self.where}: {problem}. Fix: {fix}, or pass --skip-bad to leave it out and have it listed")


@dataclass(slots=True)
class Problems:
    """What was left out on the way from a source to a prepared set, and why."""

    skip: bool = False
    """Leave bad records out (and list them) instead of stopping at the first."""
    skipped: list[str] = field(default_factory=list)
    """`file:line: problem` of each bad record left out, in reading order."""
    excluded: Counter[str] = field(default_factory=Counter)
    """Sound records that the benchmark does not ask about, by reason."""

    def bad(self, record: BadRecord) -> None:
        """Note a bad record.

        Raises:
            BadRecord: the record itself, unless bad ones are to be skipped.
        """
        if not self.skip:
            raise record
        self.skipped.append(f"{record.where}: {record.problem}")

    def exclude(self, reason: str) -> None:
        """Count a sound record that is left out."""
        self.excluded[reason] += 1
