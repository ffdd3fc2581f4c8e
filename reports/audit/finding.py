"""What an audit consists of: checks and their findings. A finding is a question to the authors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from anatomy_r1.tables.table import Table

Strength = Literal["counted", "strong", "suggestive", "reading"]

STRENGTHS: dict[Strength, str] = {
    "counted": "counting or arithmetic on printed figures or on the files; anyone can repeat it by hand",
    "strong": "chance alone would produce it in fewer than 1 of 1,000 cases, allowing for all that was tested",
    "suggestive": "chance alone would produce it in fewer than 1 of 20 cases, or it rests on a stated assumption "
    "of ours",
    "reading": "two passages disagree as we read them; another reading may resolve it",
}
"""How strong a finding is, from the strongest. The scale is ours."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency.

    Raises:
        ValueError: when a field that a reader needs is empty, or the strength is not in `STRENGTHS`.
    """

    id: str
    """`check.what`: stable, unique in an audit."""
    title: str
    test: str
    """What was done."""
    figure: str
    """What came out, with its numbers."""
    strength: Strength
    limits: str
    """What it does not show."""
    question: str
    """To the authors."""

    def __post_init__(self) -> None:
        empty = [name for name in self.__slots__ if not str(getattr(self, name)).strip()]
        if empty or self.strength not in STRENGTHS:
            raise ValueError(f"finding {self.id!r}: empty {empty}, strength {self.strength!r}")


@dataclass(frozen=True, slots=True)
class Check:
    """One test, whether or not it found something.

    Raises:
        ValueError: when a check that was skipped has findings.
    """

    id: str
    title: str
    looked_at: str
    """What was tested, with counts; for a skipped check, what would be tested."""
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    """The numbers behind it."""
    skipped: str = ""
    """Why it was skipped; empty where it was made."""

    def __post_init__(self) -> None:
        if self.skipped and self.findings:
            raise ValueError(f"check {self.id}: skipped, yet with findings")


def of_p(p: float) -> Strength | None:
    """Strength of a finding from a p value that allows for all that was tested; None where it is not a finding."""
    return "strong" if p < 0.001 else "suggestive" if p < 0.05 else None
