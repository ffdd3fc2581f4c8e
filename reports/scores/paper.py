"""The paper's own numbers (its Tables 1 and 2), read from `paper_numbers.csv`; an empty cell is the paper's "-"."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anatomy_r1.results.store import MATCHED
from reports.scores.names import MINI, MODELS
from reports.scores.scores import ALL, Score, SystemKey

FILE = Path(__file__).with_name("paper_numbers.csv")


@dataclass(frozen=True, slots=True)
class PaperNumbers:
    """Percentages by (table, model, method, benchmark, metric); those that the paper leaves out are absent."""

    cells: dict[tuple[int, str, str, str, str], float]

    def beside(self, system: SystemKey, metric: str, table: int = 1) -> float | None:
        """The number beside ours in the matched arm, which may come from a stand-in for the paper's model and data."""
        if system.arm != MATCHED:
            return None
        model = MODELS[system.model].paper if system.model in MODELS else system.model
        return self.cells.get((table, model, system.method, system.benchmark.removesuffix(MINI), metric))

    def of_score(self, score: Score, table: int) -> float | None:
        """The number beside a score; the paper has none by category."""
        return self.beside(score.system, score.metric, table) if score.category == ALL else None


@cache
def load() -> PaperNumbers:
    """Read the file; fails when a cell occurs twice."""
    cells: dict[tuple[int, str, str, str, str], float] = {}
    with FILE.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            key = (int(row["table"]), row["model"], row["method"], row["benchmark"], row["metric"])
            if key in cells:
                raise ValueError(f"{FILE}:{line}: {key} occurs twice")
            if row["percent"]:
                cells[key] = float(row["percent"])
    return PaperNumbers(cells)
