"""The paper's own numbers (its Tables 1 and 2), read from `paper_numbers.csv`; an empty cell is the paper's "-"."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anatomy_r1.results.store import MATCHED
from reports.scores.names import MINI, MODELS
from reports.scores.scores import ALL, Score

FILE = Path(__file__).with_name("paper_numbers.csv")


@dataclass(frozen=True, slots=True)
class PaperNumbers:
    """Percentages by (table, model, method, benchmark, metric); those that the paper leaves out are absent."""

    cells: dict[tuple[int, str, str, str, str], float]

    def beside(self, model: str, method: str, benchmark: str, metric: str, table: int = 1) -> float | None:
        """The number to print beside ours, which may come from a stand-in for the paper's model and data."""
        paper_model = MODELS[model].paper if model in MODELS else model
        return self.cells.get((table, paper_model, method, benchmark.removesuffix(MINI), metric))

    def of_score(self, score: Score, table: int) -> float | None:
        """The number beside a score; the paper has one only for all questions together and for the matched arm."""
        system = score.system
        if score.category != ALL or system.arm != MATCHED:
            return None
        return self.beside(system.model, system.method, system.benchmark, score.metric, table)


@cache
def load(path: Path = FILE) -> PaperNumbers:
    """Read the file.

    Raises:
        ValueError: when a cell occurs twice.
    """
    cells: dict[tuple[int, str, str, str, str], float] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            key = (int(row["table"]), row["model"], row["method"], row["benchmark"], row["metric"])
            if key in cells:
                raise ValueError(f"{path}:{line}: {key} occurs twice")
            if row["percent"]:
                cells[key] = float(row["percent"])
    return PaperNumbers(cells)
