"""The accuracy part of Tables 1 and 2: three metrics for each benchmark, ours with intervals beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.results.store import MATCHED
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, emphases
from reports.scores import paper
from reports.scores.caveats import Marks, marked
from reports.scores.names import METRICS, benchmark_title, is_view, method_title, model_title
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey
from reports.tables.cells import score_cell
from reports.tables.rows import RowName


def accuracy_columns(benchmarks: Sequence[str]) -> tuple[Column, ...]:
    """For each benchmark: our number and the paper's for each metric, then the number of clusters."""
    return tuple(column for name in benchmarks for column in _columns(benchmark_title(name)))


def _columns(group: str) -> list[Column]:
    pairs = [(Column(title, group), Column("paper", group, quiet=True)) for title in METRICS.values()]
    return [*(column for pair in pairs for column in pair), Column("clusters", group, quiet=True)]


def accuracy_block(
    found: Mapping[ScoreKey, Score],
    model: str,
    names: Sequence[RowName],
    benchmarks: Sequence[str],
    *,
    table: int,
    marks: Marks,
) -> Block:
    """One model's rows beside the numbers of the paper's Table `table`; `marks` go behind the names of rows."""
    sides = [_cells(found, model, names, benchmark, table) for benchmark in benchmarks]
    rows = [
        Row(
            marked(method_title(*name), (SystemKey(benchmark, model, *name) for benchmark in benchmarks), marks),
            tuple(cell for side in sides for cell in side[index]),
        )
        for index, name in enumerate(names)
    ]
    return Block(model_title(model), tuple(rows))


def _cells(
    found: Mapping[ScoreKey, Score],
    model: str,
    names: Sequence[RowName],
    benchmark: str,
    table: int,
) -> list[tuple[Cell, ...]]:
    """One benchmark's cells, a tuple for each row."""
    numbers, systems = paper.load(), [SystemKey(benchmark, model, *name) for name in names]
    columns: list[list[Cell]] = []
    for metric in METRICS:
        theirs = [
            numbers.beside(model, one.method, benchmark, metric, table) if one.arm == MATCHED else None
            for one in systems
        ]
        columns += [_ours([found.get((one, metric, ALL)) for one in systems]), _paper(theirs)]
    averages = [found.get((one, AVG, ALL)) for one in systems]
    columns.append([Cell(str(score.clusters)) if score else Cell() for score in averages])
    return list(zip(*columns, strict=True))


def _ours(column: Sequence[Score | None]) -> list[Cell]:
    """Best and second best are marked; views do not compete."""
    competing = [score.percent if score and not is_view(score.system.method) else None for score in column]
    return [score_cell(score, 2, mark) for score, mark in zip(column, emphases(competing, 2), strict=True)]


def _paper(column: Sequence[float | None]) -> list[Cell]:
    return [
        Cell(MISSING if value is None else f"{value:.2f}", emphasis=mark)
        for value, mark in zip(column, emphases(column, 2), strict=True)
    ]
