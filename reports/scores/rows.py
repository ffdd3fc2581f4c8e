"""Which models, benchmarks and rows a table has, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.table import Block, Cell, Column, Row
from reports.scores.caveats import Marks, marked
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, method_rank, method_title, model_title, rank
from reports.scores.scores import Key

RowName = tuple[str, str]
"""Method and arm."""


def models(found: Iterable[Key]) -> list[str]:
    """Models that have a score, in the paper's order."""
    return sorted({key[0].model for key in found}, key=lambda name: rank(MODELS, name))


def benchmarks(found: Iterable[Key], always: Iterable[str] = BENCHMARKS) -> list[str]:
    """Those of the paper in `always`, on generated data where ours are, then any other that has a score."""
    ours = {key[0].benchmark for key in found}
    suffix = MINI if any(name.endswith(MINI) for name in ours) else ""
    wanted = ours | {name + suffix for name in always}
    return sorted(wanted, key=lambda name: (rank(BENCHMARKS, name.removesuffix(MINI)), name))


def row_names(found: Iterable[Key], model: str, always: Iterable[str] = ()) -> list[RowName]:
    """The methods in `always`, whether they ran or not, and whatever else ran: known methods first, then by
    name, and views of policies last.
    """
    ours = {(key[0].method, key[0].arm) for key in found if key[0].model == model}
    wanted = ours | {(method, MATCHED) for method in always}
    return sorted(wanted, key=lambda name: (method_rank(name[0]), name[1] != MATCHED, name[1]))


def in_order(result: Result) -> tuple[object, ...]:
    """Sort key of results: benchmarks, models and methods as tables have them, the matched arm first, then seeds."""
    benchmark = rank(BENCHMARKS, result.benchmark.removesuffix(MINI))
    arm = (result.arm != MATCHED, result.arm)
    return (benchmark, rank(MODELS, result.model), method_rank(result.method), arm, result.seed, result.key)


def columns(benchmarks: Iterable[str], titles: Iterable[str]) -> tuple[Column, ...]:
    """The same headings under each benchmark."""
    every = tuple(titles)
    return tuple(Column(title, benchmark_title(name)) for name in benchmarks for title in every)


def run_blocks(
    found: Iterable[Key], cells: Callable[[str, RowName], Iterable[Cell]], known: Marks, rule: str = MATCHED
) -> tuple[Block, ...]:
    """A block a model, with only the rows that ran, each with its marks; the arm `rule` goes without saying."""
    keys = list(found)

    def title(model: str, name: RowName) -> str:
        groups = dict.fromkeys(key[0] for key in keys if key[0].model == model and (key[0].method, key[0].arm) == name)
        method, arm = name
        return marked(method_title(method, MATCHED if arm == rule else arm), groups, known)

    return tuple(
        Block(
            model_title(model, paper_beside=False),
            tuple(Row(title(model, name), tuple(cells(model, name))) for name in row_names(keys, model)),
        )
        for model in models(keys)
    )
