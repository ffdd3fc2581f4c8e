"""The accuracy part of Tables 1 and 2: three metrics a benchmark, ours with intervals and the paper's beside.

A difference in points, as tables print it: with its sign, and its interval beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.results.store import MATCHED
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, emphases
from reports.scores import paper
from reports.scores.caveats import Marks, marked
from reports.scores.names import METRICS, benchmark_title, is_view, method_title, model_title
from reports.scores.rows import RowName
from reports.scores.scores import ALL, AVG, MARK, Group, Key, Score

NO_INTERVAL = "[no interval]"
"""Beside a number from one cluster."""


def accuracy_columns(benchmarks: Sequence[str]) -> tuple[Column, ...]:
    """For each benchmark: each metric and the paper's, then the number of clusters."""
    return tuple(column for name in benchmarks for column in _columns(benchmark_title(name)))


def _columns(group: str) -> list[Column]:
    pairs = [(Column(title, group), Column("paper", group, quiet=True)) for title in METRICS.values()]
    return [*(column for pair in pairs for column in pair), Column("clusters", group, quiet=True)]


def accuracy_block(
    found: Mapping[Key, Score],
    numbers: paper.PaperNumbers,
    model: str,
    names: Sequence[RowName],
    benchmarks: Sequence[str],
    *,
    table: int,
    marks: Marks,
) -> Block:
    """One model's rows; `table` says which of the paper's tables stands beside, `marks` what follows a row's name."""
    sides = [_cells(found, numbers, model, names, benchmark, table=table) for benchmark in benchmarks]
    rows = [
        Row(
            marked(method_title(*name), (Group(benchmark, model, *name) for benchmark in benchmarks), marks),
            tuple(cell for side in sides for cell in side[index]),
        )
        for index, name in enumerate(names)
    ]
    return Block(model_title(model), tuple(rows))


def _cells(
    found: Mapping[Key, Score],
    numbers: paper.PaperNumbers,
    model: str,
    names: Sequence[RowName],
    benchmark: str,
    *,
    table: int,
) -> list[tuple[Cell, ...]]:
    """One benchmark's cells, a tuple a row."""
    columns: list[list[Cell]] = []
    for metric in METRICS:
        ours = [found.get((Group(benchmark, model, *name), metric, ALL)) for name in names]
        theirs = [
            numbers.beside(model, name[0], benchmark, metric, table) if name[1] == MATCHED else None for name in names
        ]
        columns += [_ranked(ours, [is_view(name[0]) for name in names]), _plain(theirs)]
    clusters = [found.get((Group(benchmark, model, *name), AVG, ALL)) for name in names]
    columns.append([Cell(str(score.clusters)) if score else Cell() for score in clusters])
    return list(zip(*columns, strict=True))


def _ranked(column: Sequence[Score | None], apart: Sequence[bool], decimals: int = 2) -> list[Cell]:
    """`apart`: rows that take no part in best and second."""
    ranked = [score.percent if score and not out else None for score, out in zip(column, apart, strict=True)]
    marks = emphases(ranked, decimals)
    return [
        Cell(score.shown(decimals), bounds(score, decimals), mark) if score else Cell()
        for score, mark in zip(column, marks, strict=True)
    ]


def _plain(column: Sequence[float | None]) -> list[Cell]:
    marks = emphases(column, 2)
    return [
        Cell(MISSING if value is None else f"{value:.2f}", emphasis=mark)
        for value, mark in zip(column, marks, strict=True)
    ]


def bounds(score: Score, decimals: int) -> str:
    """The interval in brackets; a share cannot leave 0-100 %, so what is printed does not either."""
    if score.low is None or score.high is None:
        return NO_INTERVAL
    return f"[{max(score.low, 0):.{decimals}f}, {min(score.high, 100):.{decimals}f}]"


def signed(score: Score | None) -> Cell:
    """A difference in points with its interval, both signed; a difference of shares stays within 100 points."""
    if score is None:
        return Cell()
    text = f"{points(score.percent)}{MARK if score.not_clean else ''}"
    if score.low is None or score.high is None:
        return Cell(text, NO_INTERVAL)
    return Cell(text, f"[{points(max(score.low, -100))}, {points(min(score.high, 100))}]")


def points(value: float | None) -> str:
    """Two decimals and a sign; zero has none."""
    if value is None:
        return MISSING
    rounded = round(value, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"
