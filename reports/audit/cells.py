"""The cells of the paper's tables as integers, so that arithmetic on them is exact; do its two tables agree?"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.metrics import K
from reports.audit.finding import Check, Finding
from reports.scores import paper
from reports.scores.names import BENCHMARKS, METRICS, TITLES

PaperRow = tuple[int, str, str]
"""Table, model, method."""
CellAddress = tuple[int, str, str, str, str]
"""Table, model, method, benchmark, metric."""


@dataclass(frozen=True, slots=True)
class PaperCell:
    """One printed percentage."""

    table: int
    model: str
    method: str
    benchmark: str
    metric: str
    hundredths: int
    """The percentage times 100: 47.32 is 4732."""

    @property
    def address(self) -> CellAddress:
        """Key of the cell."""
        return (self.table, self.model, self.method, self.benchmark, self.metric)

    @property
    def k(self) -> int:
        """Responses per question that the percentage counts."""
        return K if self.metric == f"avg@{K}" else 1

    @property
    def shown(self) -> str:
        """As printed."""
        return percent(self.hundredths)

    @property
    def name(self) -> str:
        """Readable name."""
        return name_of(self.address)


PaperCells = Sequence[PaperCell]


def name_of(address: CellAddress) -> str:
    """`Table 1, Qwen-2.5-VL-7B, GPG, SGG-VQA (Anatomy), Avg@5`."""
    table, model, method, benchmark, metric = address
    names = f"{model}, {TITLES.get(method, method)}"
    return f"Table {table}, {names}, {BENCHMARKS.get(benchmark, benchmark)}, {METRICS.get(metric, metric)}"


def percent(hundredths: int) -> str:
    """4732 -> `47.32`."""
    return f"{hundredths / 100:.2f}"


def hundredths(text: str, where: str) -> int:
    """`47.32` -> 4732.

    Raises:
        AnatomyR1Error: when it is not a number with exactly two decimals.
    """
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise AnatomyR1Error(f"{where}: {text!r} is not a number. Fix: write it as the paper prints it") from error
    if value.as_tuple().exponent != -2:
        raise AnatomyR1Error(f"{where}: {text!r} does not have two decimals. Fix: write it as the paper prints it")
    return int(value * 100)


def load(path: Path = paper.FILE) -> tuple[PaperCell, ...]:
    """All printed cells, in the file's order; cells that the paper leaves empty are omitted.

    Raises:
        AnatomyR1Error: when a cell appears twice or is not a percentage with two decimals.
    """
    found: dict[CellAddress, PaperCell] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            if not row["percent"]:
                continue
            where = f"{path.name}:{line}"
            value = hundredths(row["percent"], where)
            cell = PaperCell(int(row["table"]), row["model"], row["method"], row["benchmark"], row["metric"], value)
            if cell.address in found or not 0 <= value <= 10_000:
                raise AnatomyR1Error(f"{where}: appears twice, or is not a percentage. Fix: correct the line")
            found[cell.address] = cell
    return tuple(found.values())


def by_address(cells: PaperCells) -> dict[CellAddress, int]:
    """Hundredths by address."""
    return {cell.address: cell.hundredths for cell in cells}


def check_same_everywhere(cells: PaperCells) -> Check:
    """Do cells that both tables print agree?"""
    groups: dict[tuple[str, str, str, str], list[PaperCell]] = defaultdict(list)
    for cell in cells:
        groups[cell.address[1], cell.address[2], cell.address[3], cell.address[4]].append(cell)
    twice = [group for group in groups.values() if len(group) > 1]
    apart = [group for group in twice if len({cell.hundredths for cell in group}) > 1]
    return Check(
        id="twice",
        title="Cells printed in two tables",
        looked_at=f"{len(twice)} cells that Tables 1 and 2 both have; {len(twice) - len(apart)} agree",
        findings=tuple(_unequal(group) for group in apart),
    )


def _unequal(group: list[PaperCell]) -> Finding:
    figures = "; ".join(f"{cell.name}: {cell.shown}" for cell in group)
    return Finding(
        id=f"twice.{'-'.join(group[0].address[2:])}",
        title="One result, two numbers",
        test="The same model, method, benchmark and metric in two tables.",
        figure=f"{figures}.",
        strength="counted",
        limits="Which one is right; they may come from two runs.",
        question="Are these one run or two?",
    )
