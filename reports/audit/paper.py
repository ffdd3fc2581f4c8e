"""The paper as data: cells of its tables, figures in its prose, claims, and passages that should agree.

Each comes from a CSV file of this project. Percentages are integers, in hundredths: arithmetic on them is exact.

- Cells: `reports/scores/paper_numbers.csv`.
- Figures: `prose.csv` says which cell each should equal. One with `minus` is a difference: the cell minus the same cell
  of the method `minus`.
- Claims, in our own words: `claims.csv`. Kinds: `row` (a row of a table), `quoted` (figures in a sentence; `evidence`
  lists them by their ids in `prose.csv`), `higher` (each method in `left` beats each in `right`), `gain` (the gain of
  `left` over `right` is larger on the first model than on the second), `uneven` (some categories gain, others do not),
  `curve` (a statement about training), and `words` (anything else). `*` means all.
- Passages, in our words: `definitions.csv`. Relations: `same` (both list the same things), `range` (a metric's cells
  lie in the range), `complete` (a method has a cell on every benchmark).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal, get_args

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.metrics import K
from reports.scores import paper
from reports.scores.names import BENCHMARKS, METRICS, MODELS, TITLES

HERE = Path(__file__).parent
CellAddress = tuple[int, str, str, str, str]
"""Table, model, method, benchmark, metric."""
ClaimKind = Literal["row", "quoted", "higher", "gain", "uneven", "curve", "words"]
Quantifier = Literal["all", "most", ""]
Relation = Literal["same", "range", "complete"]


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


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim."""

    id: str
    locator: str
    """Where it is made in the paper."""
    kind: ClaimKind
    text: str
    """In our words."""
    left: tuple[str, ...]
    right: tuple[str, ...]
    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    metrics: tuple[str, ...]
    quantifier: Quantifier
    evidence: tuple[str, ...]
    """Ids of audit findings that bear on it; for `quoted`, ids of figures in `prose.csv`."""
    curves: tuple[str, ...]
    """Statements about training curves that bear on it: figure and name, `5 asc-rises`."""


@dataclass(frozen=True, slots=True)
class PassagePair:
    """Two passages that should agree."""

    id: str
    relation: Relation
    first_locator: str
    first: str
    second_locator: str
    second: str
    title: str
    question: str


@dataclass(frozen=True, slots=True)
class Paper:
    """The whole paper."""

    cells: PaperCells
    figures: Sequence[QuotedFigure]
    claims: Sequence[Claim]
    definitions: Sequence[PassagePair]


def load_paper() -> Paper:
    """Read the CSV files of this project."""
    return Paper(load_cells(), load_figures(), load_claims(), load_definitions())


def load_cells(path: Path = paper.FILE) -> tuple[PaperCell, ...]:
    """All printed cells, in the file's order; cells that the paper leaves empty are omitted."""
    found: dict[CellAddress, PaperCell] = {}
    for where, row in _lines(path):
        if row["percent"]:
            cell = PaperCell(*_address(row), _hundredths(row["percent"], where))
            if cell.address in found or not 0 <= cell.hundredths <= 10_000:
                raise AnatomyR1Error(f"{where}: appears twice, or is not a percentage. Fix: correct the line")
            found[cell.address] = cell
    return tuple(found.values())


def load_figures(path: Path = HERE / "prose.csv") -> tuple[QuotedFigure, ...]:
    """Figures in the prose, in the file's order."""
    found: dict[str, QuotedFigure] = {}
    for where, row in _lines(path):
        if row["id"] in found:
            raise AnatomyR1Error(f"{where}: {row['id']} appears twice. Fix: give each figure its own id")
        value = _hundredths(row["figure"], where)
        found[row["id"]] = QuotedFigure(row["id"], row["locator"], row["quote"], value, _address(row), row["minus"])
    return tuple(found.values())


def load_claims(path: Path = HERE / "claims.csv") -> tuple[Claim, ...]:
    """Claims, in the file's order."""
    every = {
        "models": tuple(sorted({model.paper for model in MODELS.values()})),
        "benchmarks": tuple(BENCHMARKS),
        "metrics": tuple(METRICS),
    }
    found: dict[str, Claim] = {}
    for where, row in _lines(path):
        known = row["kind"] in get_args(ClaimKind) and row["quantifier"] in get_args(Quantifier)
        if row["id"] in found or not known:
            raise AnatomyR1Error(f"{where}: repeated id, or unknown kind or quantifier. Fix: correct it")
        found[row["id"]] = Claim(
            id=row["id"],
            locator=row["locator"],
            kind=row["kind"],  # type: ignore[arg-type]
            text=row["claim"],
            left=tuple(row["left"].split()),
            right=tuple(row["right"].split()),
            quantifier=row["quantifier"],  # type: ignore[arg-type]
            evidence=tuple(row["evidence"].split()),
            curves=tuple(one.strip() for one in row["curves"].split(";") if one.strip()),
            **{name: all_ if row[name] == "*" else tuple(row[name].split()) for name, all_ in every.items()},
        )
    return tuple(found.values())


def load_definitions(path: Path = HERE / "definitions.csv") -> tuple[PassagePair, ...]:
    """Pairs of passages, in the file's order."""
    found = tuple(PassagePair(*row.values()) for _, row in _lines(path))  # type: ignore[arg-type]
    for pair in found:
        if pair.relation not in get_args(Relation):
            fix = f"use one of {', '.join(get_args(Relation))}"
            raise AnatomyR1Error(f"{path.name}: {pair.id}: unknown relation {pair.relation!r}. Fix: {fix}")
    return found


def by_address(cells: PaperCells) -> dict[CellAddress, int]:
    """Hundredths by address."""
    return {cell.address: cell.hundredths for cell in cells}


def name_of(address: CellAddress) -> str:
    """`Table 1, Qwen-2.5-VL-7B, GPG, SGG-VQA (Anatomy), Avg@5`."""
    table, model, method, benchmark, metric = address
    names = f"{model}, {TITLES.get(method, method)}"
    return f"Table {table}, {names}, {BENCHMARKS.get(benchmark, benchmark)}, {METRICS.get(metric, metric)}"


def percent(hundredths: int) -> str:
    """4732 -> `47.32`."""
    return f"{hundredths / 100:.2f}"


def _lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each line of a CSV file with its place, `file:line`."""
    with path.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            yield f"{path.name}:{line}", row


def _address(row: dict[str, str]) -> CellAddress:
    return (int(row["table"]), row["model"], row["method"], row["benchmark"], row["metric"])


def _hundredths(text: str, where: str) -> int:
    """`47.32` -> 4732; refuses anything but a number with two decimals."""
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise AnatomyR1Error(f"{where}: {text!r} is not a number. Fix: write it as the paper prints it") from error
    if value.as_tuple().exponent != -2:
        raise AnatomyR1Error(f"{where}: {text!r} does not have two decimals. Fix: write it as the paper prints it")
    return int(value * 100)
