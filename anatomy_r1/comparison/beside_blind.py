"""Each compared system beside the best blind rule: does it do better than the texts alone allow?

A verdict between two systems does not say so: both may be below the rule (docs/blind.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from anatomy_r1.comparison.cells import columns, difference_cell, score_cell
from anatomy_r1.comparison.panel import Panel
from anatomy_r1.comparison.systems import System
from anatomy_r1.evaluation.blind_difference import BesideBlind
from anatomy_r1.evaluation.blind_difference import blind_json as one_json
from anatomy_r1.tables.table import Block, Cell, Row, Table

TITLE = "What the image adds: score minus the best rule that sees no image"
NOTE = (
    "Best blind rule: the one of four rules over the texts that is best on the training questions, answering the same "
    "test questions. Paired difference over all seeds of a system [95 %, cluster-robust t, not adjusted]. NOT ABOVE: "
    "its lower bound is not above zero, so the score has not been shown to need the image (docs/blind.md)."
)


def blind_table(panels: Iterable[tuple[Panel, str]], metric: str) -> Table:
    """A row for each system; a block for each panel, with its title."""
    blocks = [
        Block(title, tuple(Row(system.marked, _cells(panel.beside_blind(system, metric))) for system in panel.systems))
        for panel, title in panels
    ]
    heads = columns(f"{metric}, percent and points", ("blind rule", "its score", "difference", "verdict"))
    return Table("blind", TITLE, "System", heads, tuple(blocks))


def _cells(found: BesideBlind) -> tuple[Cell, ...]:
    if isinstance(found, str):
        return (Cell(), Cell(), Cell(), Cell(found))
    verdict = "NOT ABOVE" if found.not_above else found.verdict
    return (Cell(found.rule), score_cell(found.accuracy), difference_cell(found.difference), Cell(verdict))


def blind_json(panels: Sequence[Panel], metric: str) -> dict[str, Any]:
    """System -> its difference as shares, or why there is none."""
    pairs: list[tuple[Panel, System]] = [(panel, system) for panel in panels for system in panel.systems]
    return {system.name: one_json(panel.beside_blind(system, metric)) for panel, system in pairs}
