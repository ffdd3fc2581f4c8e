"""Definitions compared with each other and with the tables. `definitions.csv` has the passages, in our words.

Relations: `same` (both list the same things), `range` (a metric's cells lie in the range), `complete` (a method has a
cell on every benchmark).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import prose_table
from reports.audit.cells import PaperCells
from reports.audit.finding import Check, Finding, Strength
from reports.scores.names import METRICS

FILE = Path(__file__).with_name("definitions.csv")


@dataclass(frozen=True, slots=True)
class PassagePair:
    """Two passages that should agree."""

    id: str
    relation: str
    first_locator: str
    first: str
    second_locator: str
    second: str
    title: str
    question: str


def load(path: Path = FILE) -> tuple[PassagePair, ...]:
    """Read the file, in its order.

    Raises:
        AnatomyR1Error: when a relation is unknown.
    """
    with path.open(encoding="utf-8", newline="") as handle:
        found = tuple(PassagePair(*row.values()) for row in csv.DictReader(handle))
    for pair in found:
        if pair.relation not in _RELATIONS:
            raise AnatomyR1Error(
                f"{path.name}: {pair.id}: unknown relation {pair.relation!r}. Fix: use one of {', '.join(_RELATIONS)}"
            )
    return found


def _same(pair: PassagePair, _: PaperCells) -> str:
    first, second = (set(map(str.strip, text.split(";"))) for text in (pair.first, pair.second))
    sides = (("first", first - second), ("second", second - first))
    return "; ".join(f"only the {side}: {', '.join(sorted(only))}" for side, only in sides if only)


def _range(pair: PassagePair, cells: PaperCells) -> str:
    low, high = map(float, pair.first.split(".."))
    values = [cell.hundredths / 100 for cell in cells if cell.metric == pair.second]
    beyond = [value for value in values if not low <= value <= high]
    name = METRICS.get(pair.second, pair.second)
    return (
        f"{len(beyond)} of {len(values)} {name} cells lie outside {pair.first}, up to {max(beyond)}" if beyond else ""
    )


def _complete(pair: PassagePair, cells: PaperCells) -> str:
    there = {cell.benchmark for cell in cells if cell.method == pair.first}
    missing = [name for name in pair.second.split() if name not in there]
    return f"{pair.first} has no cell on {', '.join(missing)}" if missing else ""


_RELATIONS: dict[str, Callable[[PassagePair, PaperCells], str]] = {
    "same": _same,
    "range": _range,
    "complete": _complete,
}
"""Relation -> function that says how it is violated; empty where it holds."""


def broken(pair: PassagePair, cells: PaperCells) -> str:
    """How the passages disagree; empty where they agree."""
    return _RELATIONS[pair.relation](pair, cells)


def check(pairs: Sequence[PassagePair], cells: PaperCells) -> Check:
    """Every pair."""
    found = [(pair, broken(pair, cells)) for pair in pairs]
    rows = tuple(
        (pair.id, f"{pair.first_locator}: {pair.first}", f"{pair.second_locator}: {pair.second}", words or "agree")
        for pair, words in found
    )
    return Check(
        id="definitions",
        title="Definitions compared with each other and with the tables",
        looked_at=f"{len(pairs)} pairs of passages",
        findings=tuple(_finding(pair, words) for pair, words in found if words),
        tables=(
            prose_table("Pairs of passages", ("id", "first", "second", "comparison"), rows, "Passages in our words."),
        ),
    )


def _finding(pair: PassagePair, words: str) -> Finding:
    strength: Strength = "reading" if pair.relation == "same" else "counted"
    return Finding(
        id=f"definitions.{pair.id}",
        title=pair.title,
        test=f"{pair.first_locator}, against {pair.second_locator}.",
        figure=f"First: {pair.first}. Second: {pair.second}. {words[0].upper()}{words[1:]}.",
        strength=strength,
        limits="What was actually run. The passages are in our words; a slip of the pen would also explain it.",
        question=pair.question,
    )
