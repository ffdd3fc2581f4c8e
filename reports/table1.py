"""Table 1: ten methods by two benchmarks and three metrics, ours beside the paper's (its Table 1).

`table1(results)` is pure. What did not run stays in its row as a dash. Two small tables go with it: how responses
parsed, and accuracy by anatomy or question type (the pattern of the paper's Fig. 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.metrics import K
from anatomy_r1.results import Result
from reports import paper
from reports.names import BENCHMARKS, METHODS, METRICS, MINI, MODELS, benchmark_title, method_title, model_title, rank
from reports.notes import notes, warning
from reports.scores import ALL, Group, Score, scores
from reports.table import MISSING, Block, Cell, Column, Report, Row, Table, emphases

Key = tuple[Group, str, str]
RowName = tuple[str, str]  # method, arm


def table1(results: Sequence[Result], numbers: paper.PaperNumbers | None = None) -> Report:
    """Table 1 with its companions, from the results of one profile.

    Raises:
        AnatomyR1Error: when there is nothing to show, or the results do not belong in one table.
    """
    if not results:
        raise AnatomyR1Error("no results: the store is empty. Run `tox -e reproduce-table1` first")
    found = {(score.group, score.metric, score.category): score for score in scores(results)}
    tables = (
        _main_table(found, numbers or paper.load()),
        _responses_table(found, results),
        _categories_table(found),
    )
    title = f"Anatomy-R1, Table 1: profile {results[0].profile}"
    return Report(title, warning(results), tables, notes(results, found.values()))


def _main_table(found: Mapping[Key, Score], numbers: paper.PaperNumbers) -> Table:
    benchmarks = _benchmarks(found)
    columns = tuple(column for name in benchmarks for column in _main_columns(benchmark_title(name)))

    def block(model: str) -> Block:
        names = _row_names(found, model)
        sides = [_main_cells(found, numbers, model, names, benchmark) for benchmark in benchmarks]
        rows = [
            Row(method_title(*name), tuple(cell for side in sides for cell in side[index]))
            for index, name in enumerate(names)
        ]
        return Block(model_title(model), tuple(rows))

    title = "Table 1. Performance on both benchmarks, in percent, beside the paper's"
    return Table("table1", title, "Method", columns, tuple(block(model) for model in _models(found)))


def _main_columns(group: str) -> list[Column]:
    pairs = [(Column(title, group), Column("paper", group, quiet=True)) for title in METRICS.values()]
    return [*(column for pair in pairs for column in pair), Column("clusters", group, quiet=True)]


def _main_cells(
    found: Mapping[Key, Score], numbers: paper.PaperNumbers, model: str, names: Sequence[RowName], benchmark: str
) -> list[tuple[Cell, ...]]:
    """One benchmark's cells, a tuple a row."""
    columns: list[list[Cell]] = []
    for metric in METRICS:
        ours = [found.get((Group(benchmark, model, *name), metric, ALL)) for name in names]
        theirs = [numbers.beside(model, name[0], benchmark, metric) if name[1] == "matched" else None for name in names]
        columns += [_ranked(ours), _plain(theirs)]
    clusters = [found.get((Group(benchmark, model, *name), "avg@5", ALL)) for name in names]
    columns.append([Cell(str(score.clusters)) if score else Cell() for score in clusters])
    return list(zip(*columns, strict=True))


def _ranked(column: Sequence[Score | None], decimals: int = 2) -> list[Cell]:
    marks = emphases([score.percent if score else None for score in column], decimals)
    return [
        Cell(f"{score.percent:.{decimals}f}", bounds(score, decimals), mark) if score else Cell()
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
        return "[no interval]"
    return f"[{max(score.low, 0):.{decimals}f}, {min(score.high, 100):.{decimals}f}]"


def _responses_table(found: Mapping[Key, Score], results: Sequence[Result]) -> Table:
    """How the responses came out: what was read, what was cut off, and the greedy response besides the five."""
    benchmarks = _benchmarks(found)
    styles = {Group(r.benchmark, r.model, r.method, r.arm): r.style for r in results}
    titles = ("prompt", "parsed", "truncated", "greedy", "seeds", "seed SD")

    def cells(group: Group) -> list[Cell]:
        if group not in styles:
            return [Cell() for _ in titles]
        parsed, truncated, greedy = (found[group, metric, ALL] for metric in ("parsed", "truncated", "greedy"))
        spread = found[group, f"avg@{K}", ALL].seed_sd
        return [
            Cell(styles[group]),
            Cell(f"{parsed.percent:.1f}"),
            Cell(f"{truncated.percent:.1f}"),
            Cell(f"{greedy.percent:.2f}", bounds(greedy, 2)),
            Cell(str(parsed.seeds)),
            Cell(MISSING if spread is None else f"{spread:.2f}"),
        ]

    columns = tuple(Column(title, benchmark_title(name)) for name in benchmarks for title in titles)
    blocks = _run_blocks(found, lambda model, name: (c for b in benchmarks for c in cells(Group(b, model, *name))))
    return Table(
        "responses",
        "Responses: share parsed and cut off (percent of the five), accuracy of the greedy response",
        "Method",
        columns,
        blocks,
        ("seed SD: standard deviation of Avg@5 over training seeds, in points.",),
    )


def _categories_table(found: Mapping[Key, Score]) -> Table:
    """Avg@5 by anatomy or question type: which ones a method learns and which it does not (the paper's Fig. 1)."""
    sizes: dict[tuple[str, str], int] = {}
    for group, _, category in found:
        if category != ALL:
            questions = found[group, f"avg@{K}", category].questions
            sizes[group.benchmark, category] = max(questions, sizes.get((group.benchmark, category), 0))
    order = sorted(sizes, key=lambda pair: (rank(BENCHMARKS, pair[0].removesuffix(MINI)), pair))

    def cell(model: str, name: RowName, benchmark: str, category: str) -> Cell:
        score = found.get((Group(benchmark, model, *name), f"avg@{K}", category))
        return Cell(f"{score.percent:.1f}", bounds(score, 1)) if score else Cell()

    columns = tuple(
        Column(f"{category} (n={sizes[name, category]})", benchmark_title(name)) for name, category in order
    )
    return Table(
        "categories",
        "Avg@5 by anatomy and by question type, in percent (compare the paper's Fig. 1)",
        "Method",
        columns,
        _run_blocks(found, lambda model, name: (cell(model, name, *pair) for pair in order)),
    )


def _run_blocks(found: Mapping[Key, Score], cells: Callable[[str, RowName], Iterable[Cell]]) -> tuple[Block, ...]:
    """Blocks with only the rows that ran."""
    return tuple(
        Block(
            model_title(model, paper_beside=False),
            tuple(
                Row(method_title(*name), tuple(cells(model, name)))
                for name in _row_names(found, model)
                if any((key[0].model, key[0].method, key[0].arm) == (model, *name) for key in found)
            ),
        )
        for model in _models(found)
    )


def _models(found: Iterable[Key]) -> list[str]:
    return sorted({key[0].model for key in found}, key=lambda name: rank(MODELS, name))


def _benchmarks(found: Iterable[Key]) -> list[str]:
    """Both of the paper's, on generated data where ours are, then any other."""
    ours = {key[0].benchmark for key in found}
    suffix = MINI if any(name.endswith(MINI) for name in ours) else ""
    wanted = ours | {name + suffix for name in BENCHMARKS}
    return sorted(wanted, key=lambda name: (rank(BENCHMARKS, name.removesuffix(MINI)), name))


def _row_names(found: Iterable[Key], model: str) -> list[RowName]:
    """The paper's ten in its order, whether they ran or not; then other arms of these and other methods."""
    ours = {(key[0].method, key[0].arm) for key in found if key[0].model == model}
    wanted = ours | {(method, "matched") for method in METHODS}
    return sorted(wanted, key=lambda name: (rank(METHODS, name[0]), name[1] != "matched", name[1]))
