"""Models, benchmarks and rows of a table, their order, and a table of one row for each system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Block, Cell, Column, Row, Table
from reports.scores.caveats import Marks, marked
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, method_rank, method_title, model_title, rank
from reports.scores.scores import ScoreKey, SystemKey

RowName = tuple[str, str]
"""Method and arm."""


def models(found: Iterable[ScoreKey]) -> list[str]:
    """Models that have a score, in the paper's order."""
    return sorted({system.model for system, _, _ in found}, key=lambda name: rank(MODELS, name))


def benchmarks(found: Iterable[ScoreKey], always: Iterable[str] = BENCHMARKS) -> list[str]:
    """Benchmarks that have a score and those in `always`, as their generated variants where ours are generated."""
    ours = {system.benchmark for system, _, _ in found}
    suffix = MINI if any(name.endswith(MINI) for name in ours) else ""
    wanted = ours | {name + suffix for name in always}
    return sorted(wanted, key=lambda name: (rank(BENCHMARKS, name.removesuffix(MINI)), name))


def row_names(found: Iterable[ScoreKey], model: str, always: Iterable[str] = ()) -> list[RowName]:
    """Rows of a model: what ran and the methods in `always`. Known methods come first, views of policies last."""
    ours = {(system.method, system.arm) for system, _, _ in found if system.model == model}
    wanted = ours | {(method, MATCHED) for method in always}
    return sorted(wanted, key=lambda name: (method_rank(name[0]), name[1] != MATCHED, name[1]))


def in_order(result: Result) -> tuple[object, ...]:
    """Sort key of results: benchmarks, models and methods in the order of tables, the matched arm first, then seeds."""
    benchmark = rank(BENCHMARKS, result.benchmark.removesuffix(MINI))
    arm = (result.arm != MATCHED, result.arm)
    return (benchmark, rank(MODELS, result.model), method_rank(result.method), arm, result.seed, result.key)


def columns(benchmarks: Iterable[str], titles: Iterable[str]) -> tuple[Column, ...]:
    """The same columns under each benchmark."""
    every = tuple(titles)
    return tuple(Column(title, benchmark_title(name)) for name in benchmarks for title in every)


def model_blocks(
    found: Iterable[ScoreKey], cells: Callable[[str, RowName], Iterable[Cell]], marks: Marks, arm: str = MATCHED
) -> tuple[Block, ...]:
    """A block for each model, with the rows that ran and their marks; the names of rows do not mention `arm`."""
    keys = list(found)

    def title(model: str, name: RowName) -> str:
        systems = dict.fromkeys(of for of, _, _ in keys if of.model == model and (of.method, of.arm) == name)
        return marked(method_title(name[0], MATCHED if name[1] == arm else name[1]), systems, marks)

    return tuple(
        Block(
            model_title(model, paper_beside=False),
            tuple(Row(title(model, name), tuple(cells(model, name))) for name in row_names(keys, model)),
        )
        for model in models(keys)
    )


def system_table(
    name: str,
    title: str,
    titles: Sequence[str],
    cells: Callable[[SystemKey], Sequence[Cell] | None],
    *,
    found: Iterable[ScoreKey],
    shown: Sequence[str],
    marks: Marks,
    arm: str = MATCHED,
    notes: tuple[str, ...] = (),
) -> Table:
    """A table with the rows that ran, and the columns `titles` under each benchmark.

    Args:
        name: short name, for anchors and labels.
        title: title of the table.
        titles: headings of the columns under one benchmark.
        cells: the cells of a system in these columns; None for dashes.
        found: scores whose systems have a row.
        shown: benchmarks.
        marks: marks of rows.
        arm: arm that the names of rows do not mention.
        notes: notes of the table.
    """

    def row(model: str, row_name: RowName) -> Iterable[Cell]:
        for benchmark in shown:
            yield from cells(SystemKey(benchmark, model, *row_name)) or [Cell() for _ in titles]

    return Table(name, title, "Method", columns(shown, titles), model_blocks(found, row, marks, arm), notes)
