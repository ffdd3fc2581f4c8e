"""What must agree before two systems may be compared, and how a disagreement is worded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anatomy_r1.comparison.systems import System

RECORDED = ("questions", "prompts", "sampling", "arms")
"""Kinds of conditions that a run notes."""
KINDS = (*RECORDED, "seeds")
"""What `--allow-different` can be told."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A condition under which systems differ, or of which it is not known whether they do."""

    kind: str
    text: str
    refused: bool
    """Whether it forbids the comparison unless told otherwise; what is merely not recorded is only said."""


def disagreements(systems: Sequence[System]) -> list[Disagreement]:
    """Field by field, over systems of one benchmark."""
    return [found for kind in RECORDED for found in _of_kind(kind, systems)]


def _of_kind(kind: str, systems: Sequence[System]) -> Iterator[Disagreement]:
    recorded = {field: None for system in systems for field in system.conditions[kind]}
    for field in recorded:
        by_value: dict[str, list[str]] = {}
        for system in systems:
            if field in system.conditions[kind]:
                by_value.setdefault(system.conditions[kind][field], []).append(system.short)
        lacking = [system.short for system in systems if field not in system.conditions[kind]]
        told = "; ".join(f"{value} ({', '.join(names)})" for value, names in by_value.items())
        if len(by_value) > 1:
            yield Disagreement(kind, f"{kind} differ in {field}: {told}", refused=True)
        if lacking:
            yield Disagreement(kind, f"{kind}: {field} is not recorded for {', '.join(lacking)}", refused=False)
    if not recorded:
        yield Disagreement(kind, f"{kind}: not recorded for any system", refused=False)
