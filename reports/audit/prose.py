"""Figures quoted in the paper's prose, compared with its tables. `prose.csv` says which cell each should equal.

A figure with `minus` is a difference: the cell minus the same cell of the method `minus`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import prose_table
from reports.audit.cells import CellAddress, PaperCells, by_address, hundredths, name_of, percent
from reports.audit.finding import Check, Finding
from reports.scores.names import TITLES

FILE = Path(__file__).with_name("prose.csv")


@dataclass(frozen=True, slots=True)
class QuotedFigure:
    """A figure in the prose."""

    id: str
    locator: str
    quote: str
    """A few words around it, to find the passage."""
    hundredths: int
    address: CellAddress
    minus: str
    """Method that is subtracted; empty where the figure is the cell itself."""

    @property
    def meant(self) -> str:
        """Readable name of the cell or difference."""
        name = name_of(self.address)
        return f"{name}, less that of {TITLES.get(self.minus, self.minus)}" if self.minus else name


def load(path: Path = FILE) -> tuple[QuotedFigure, ...]:
    """Read the file, in its order.

    Raises:
        AnatomyR1Error: when an id appears twice or a figure does not have two decimals.
    """
    found: dict[str, QuotedFigure] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            where = f"{path.name}:{line}"
            if row["id"] in found:
                raise AnatomyR1Error(f"{where}: {row['id']} appears twice. Fix: give each figure its own id")
            address = (int(row["table"]), row["model"], row["method"], row["benchmark"], row["metric"])
            value = hundredths(row["figure"], where)
            found[row["id"]] = QuotedFigure(row["id"], row["locator"], row["quote"], value, address, row["minus"])
    return tuple(found.values())


def expected(quoted: QuotedFigure, cells: Mapping[CellAddress, int]) -> int:
    """What the tables give for it, in hundredths.

    Raises:
        AnatomyR1Error: when the tables lack a cell that it names.
    """
    table, model, _, benchmark, metric = quoted.address
    try:
        taken = cells[table, model, quoted.minus, benchmark, metric] if quoted.minus else 0
        return cells[quoted.address] - taken
    except KeyError as error:
        raise AnatomyR1Error(f"prose {quoted.id}: the tables have no {quoted.meant}. Fix: correct the line") from error


def agrees(quoted: QuotedFigure, cells: Mapping[CellAddress, int]) -> bool:
    """Whether prose and table say the same."""
    return quoted.hundredths == expected(quoted, cells)


def check(figures: Sequence[QuotedFigure], cells: PaperCells) -> Check:
    """Every figure, with one finding for each sentence that has a figure unlike the tables."""
    known = by_address(cells)
    wrong = [one for one in figures if not agrees(one, known)]
    by_sentence = groupby(wrong, key=lambda one: one.locator)
    rows = tuple(
        (
            one.id,
            one.locator,
            one.quote,
            percent(one.hundredths),
            one.meant,
            percent(expected(one, known)),
            "yes" if agrees(one, known) else "no",
        )
        for one in figures
    )
    return Check(
        id="prose",
        title="Figures in the prose against the tables",
        looked_at=f"{len(figures)} figures of the main results, each against the cell or difference that it names; "
        f"{len(figures) - len(wrong)} agree",
        findings=tuple(_finding(place, list(group), known) for place, group in by_sentence),
        tables=(
            prose_table("Quoted figures", ("id", "place", "quote", "figure", "should equal", "tables", "agree"), rows),
        ),
    )


def _finding(place: str, wrong: Sequence[QuotedFigure], known: Mapping[CellAddress, int]) -> Finding:
    figures = "; ".join(
        f"{percent(one.hundredths)} for {one.meant}, where the table has {percent(expected(one, known))} "
        f"({_elsewhere(one, known)})"
        for one in wrong
    )
    return Finding(
        id=f"prose.{wrong[0].id}",
        title=f"{place}: {len(wrong)} figure{'s' if len(wrong) > 1 else ''} that differ from the tables",
        test="The figure in the sentence against the cell that the sentence names (method, metric, benchmark, model).",
        figure=figures + ".",
        strength="counted",
        limits="Which of the two is right, or whether either belongs to another version of the experiment. Where the "
        "sentence says RL, the GRPO-GDQA row was used, which the sentence's other figures agree with.",
        question="Which experiment do these figures come from, and which is correct: the sentence or the table?",
    )


def _elsewhere(one: QuotedFigure, known: Mapping[CellAddress, int]) -> str:
    places = [name_of(address) for address, value in known.items() if value == one.hundredths]
    return f"the figure is that of {places[0]}" if places else "no cell has this figure"
