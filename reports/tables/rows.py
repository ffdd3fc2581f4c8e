"""What tables are built from: cells, rows in order, a table of one row for each system, and the paper beside ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import MISSING, NO_INTERVAL, Block, Cell, Column, Emphasis, Row, Table, bracketed, emphases
from reports.scores import paper
from reports.scores.cost import Amount
from reports.scores.names import (
    BENCHMARKS,
    METRICS,
    MINI,
    MODELS,
    benchmark_title,
    is_view,
    method_rank,
    method_title,
    model_title,
    rank,
)
from reports.scores.notes import Marks, marked
from reports.scores.scores import ALL, AVG, MARK, Score, ScoreKey, SystemKey

RowName = tuple[str, str]
"""Method and arm."""


def score_cell(score: Score | None, decimals: int = 2, emphasis: Emphasis = "") -> Cell:
    """A score in percent with its interval, which is clipped to 0-100 %."""
    if score is None:
        return Cell()
    return Cell(score.shown(decimals), bracketed(score.low, score.high, f".{decimals}f", (0, 100)), emphasis)


def difference_cell(score: Score | None) -> Cell:
    """A signed difference in points with its interval, which is clipped to -100 to 100 points.

    Over several bases, a second interval follows, of the method rather than these weights.
    """
    if score is None:
        return Cell()
    text = f"{points(score.percent)}{MARK if score.not_clean else ''}"
    if score.low is None or score.high is None:
        return Cell(text, NO_INTERVAL)
    aside = f"[{points(max(score.low, -100))}, {points(min(score.high, 100))}]"
    if score.method and score.bases > 1:
        low, high = score.method
        aside += f" method [{points(max(low, -100))}, {points(min(high, 100))}]"
    return Cell(text, aside)


def method_cell(score: Score) -> Cell:
    """The interval of the method, clipped to 0-100 %; a dash where there is none."""
    return Cell() if score.method is None else Cell(bracketed(*score.method, ".2f", (0, 100)))


def points(value: float | None) -> str:
    """Two decimals and a sign, which zero does not have."""
    if value is None:
        return MISSING
    rounded = round(value, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def number(value: float | None, decimals: int = 0) -> str:
    """A number with thousands separators, or a dash."""
    return MISSING if value is None else f"{value:,.{decimals}f}"


def amount_cell(amount: Amount, decimals: int = 0) -> Cell:
    """Own cost and, for a method that started from another, in parentheses the whole, or a dash if unknown."""
    aside = f"({number(amount.whole, decimals)})" if amount.continued and amount.own is not None else ""
    return Cell(number(amount.own, decimals), aside)


def models(found: Iterable[ScoreKey]) -> list[str]:
    """Models that have a score, in the paper's order."""
    return sorted({system.model for system, _, _ in found}, key=lambda name: rank(MODELS, name))


def benchmarks(found: Iterable[ScoreKey], always: Iterable[str] = ()) -> list[str]:
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
    return (benchmark, rank(MODELS, result.model), method_rank(result.method), arm, result.run, result.key)


def columns(benchmarks: Iterable[str], titles: Sequence[str]) -> tuple[Column, ...]:
    """The same columns under each benchmark."""
    return tuple(Column(title, benchmark_title(name)) for name in benchmarks for title in titles)


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
            tuple(
                Row(title(model, name), tuple(cells(model, name)), (model, *name)) for name in row_names(keys, model)
            ),
        )
        for model in models(keys)
    )


def system_table(
    name: str,
    title: str,
    titles: Sequence[str],
    cells: Callable[[SystemKey], Sequence[Cell]],
    *,
    found: Mapping[ScoreKey, Score],
    marks: Marks,
    shown: Sequence[str] = (),
    arm: str = MATCHED,
    notes: tuple[str, ...] = (),
) -> Table:
    """A table of the systems that have a score in `found`, with the columns `titles` under each benchmark in `shown`.

    `cells` gives a system's cells in these columns; where it did not run are dashes. The names of rows do not mention
    `arm`. By default, the benchmarks that have a score are shown.
    """
    shown = shown or benchmarks(found)

    def row(model: str, row_name: RowName) -> Iterable[Cell]:
        for system in (SystemKey(benchmark, model, *row_name) for benchmark in shown):
            yield from cells(system) if (system, AVG, ALL) in found else [Cell()] * len(titles)

    return Table(name, title, "Method", columns(shown, titles), model_blocks(found, row, marks, arm), notes)


def accuracy_columns(benchmarks: Sequence[str]) -> tuple[Column, ...]:
    """For each benchmark: our number and the paper's for each metric, then the number of clusters."""
    found = []
    for group in map(benchmark_title, benchmarks):
        for title in METRICS.values():
            found += [Column(title, group), Column("paper", group, quiet=True)]
        found.append(Column("clusters", group, quiet=True))
    return tuple(found)


def accuracy_block(
    found: Mapping[ScoreKey, Score],
    model: str,
    names: Sequence[RowName],
    benchmarks: Sequence[str],
    *,
    table: int,
    marks: Marks,
) -> Block:
    """One model's rows under `accuracy_columns`, beside the numbers of the paper's Table `table`."""
    titles = [
        marked(method_title(*name), (SystemKey(benchmark, model, *name) for benchmark in benchmarks), marks)
        for name in names
    ]
    by_column: list[list[Cell]] = []
    for benchmark in benchmarks:
        systems = [SystemKey(benchmark, model, *name) for name in names]
        for metric in METRICS:
            by_column.append(_ours([found.get((system, metric, ALL)) for system in systems]))
            by_column.append(_paper([paper.load().beside(system, metric, table) for system in systems]))
        averages = [found.get((system, AVG, ALL)) for system in systems]
        by_column.append([Cell(str(score.clusters)) if score else Cell() for score in averages])
    about = [(model, *name) for name in names]
    return Block(model_title(model), tuple(map(Row, titles, zip(*by_column, strict=True), about)))


def _ours(column: Sequence[Score | None]) -> list[Cell]:
    """Best and second best are marked; views do not compete."""
    competing = [score.percent if score and not is_view(score.system.method) else None for score in column]
    return [score_cell(score, 2, mark) for score, mark in zip(column, emphases(competing, 2), strict=True)]


def _paper(column: Sequence[float | None]) -> list[Cell]:
    return [Cell(number(value, 2), emphasis=mark) for value, mark in zip(column, emphases(column, 2), strict=True)]
