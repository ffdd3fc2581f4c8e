"""Cells that two of the paper's tables print: do they agree?"""

from __future__ import annotations

from collections import defaultdict

from reports.audit.cells import Cell, Cells
from reports.audit.finding import Check, Finding


def check(cells: Cells) -> Check:
    """Cells of the same model, method, benchmark and metric."""
    groups: dict[tuple[str, str, str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.address[1], cell.address[2], cell.address[3], cell.address[4]].append(cell)
    twice = [group for group in groups.values() if len(group) > 1]
    apart = [group for group in twice if len({cell.hundredths for cell in group}) > 1]
    return Check(
        id="twice",
        title="Cells that stand in two tables",
        looked_at=f"{len(twice)} cells that Tables 1 and 2 both have; {len(twice) - len(apart)} agree",
        findings=tuple(_finding(group) for group in apart),
    )


def _finding(group: list[Cell]) -> Finding:
    figures = "; ".join(f"{cell.name}: {cell.shown}" for cell in group)
    return Finding(
        id=f"twice.{'-'.join(group[0].address[2:])}",
        title="One result, two numbers",
        test="The same model, method, benchmark and metric in two tables.",
        figure=f"{figures}.",
        strength="counted",
        limits="Which one is right; they may be from two runs.",
        question="Are these one run or two?",
    )
