"""Small tables that go with an accuracy table: how responses came out, and accuracy by anatomy or question type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.results.store import Result
from anatomy_r1.scoring.question_table import LENIENT
from anatomy_r1.tables.table import MISSING, Cell, Column, Table
from reports.scores.caveats import Marks
from reports.scores.names import BENCHMARKS, MINI, benchmark_title, rank
from reports.scores.rows import RowName, columns, run_blocks
from reports.scores.scores import ALL, AVG, Group, Key, Score, group_of
from reports.tables.accuracy import bounds

_SPREAD = "seed SD: standard deviation of Avg@5 over training seeds, in points."
_EXTRACTION = (
    "lenient: Avg@5 by the lenient extractor, which reads answers of wrong form too; the strict one decides, and the "
    "two are a band. malformed: not the form that the prompt asks for; several: several answers; refused: declined to "
    "answer, by a list of phrases."
)


def responses_table(
    found: Mapping[Key, Score], results: Sequence[Result], benchmarks: Sequence[str], known: Marks
) -> Table:
    """How the responses came out: what was read, what was cut off, and the greedy response besides the five.

    Where the store says so, also what the lenient extractor makes of them, and how they failed.
    """
    styles = {group_of(result): result.style for result in results}
    extraction = any(metric == LENIENT for _, metric, _ in found)
    further = ("lenient", "malformed", "several", "refused") if extraction else ()
    titles = ("prompt", "parsed", "truncated", "greedy", "seeds", "seed SD", *further)

    def cells(group: Group) -> list[Cell]:
        if group not in styles:
            return [Cell() for _ in titles]
        parsed, greedy = (found[group, metric, ALL] for metric in ("parsed", "greedy"))
        truncated = found.get((group, "truncated", ALL))
        spread = found[group, AVG, ALL].seed_sd
        return [
            Cell(styles[group]),
            Cell(f"{parsed.percent:.1f}"),
            Cell(f"{truncated.percent:.1f}" if truncated else MISSING),
            Cell(greedy.shown(), bounds(greedy, 2)),
            Cell(str(parsed.seeds)),
            Cell(MISSING if spread is None else f"{spread:.2f}"),
            *(_extraction_cells(found, group) if extraction else []),
        ]

    def row(model: str, name: RowName) -> list[Cell]:
        return [cell for benchmark in benchmarks for cell in cells(Group(benchmark, model, *name))]

    return Table(
        "responses",
        "Responses: share parsed and cut off (percent of the five), accuracy of the greedy response",
        "Method",
        columns(benchmarks, titles),
        run_blocks(found, row, known),
        (_SPREAD, _EXTRACTION) if extraction else (_SPREAD,),
    )


def _extraction_cells(found: Mapping[Key, Score], group: Group) -> list[Cell]:
    lenient = found.get((group, LENIENT, ALL))
    failures = [found.get((group, metric, ALL)) for metric in ("malformed", "several", "refused")]
    shares = [Cell(f"{score.percent:.1f}") if score else Cell() for score in failures]
    return [Cell(lenient.shown(), bounds(lenient, 2)) if lenient else Cell(), *shares]


def categories_table(found: Mapping[Key, Score], known: Marks) -> Table:
    """Avg@5 by anatomy or question type: which ones a method learns and which it does not (the paper's Fig. 1)."""
    sizes: dict[tuple[str, str], int] = {}
    for group, _, category in found:
        if category != ALL:
            questions = found[group, AVG, category].questions
            sizes[group.benchmark, category] = max(questions, sizes.get((group.benchmark, category), 0))
    order = sorted(sizes, key=lambda pair: (rank(BENCHMARKS, pair[0].removesuffix(MINI)), pair))

    def cell(model: str, name: RowName, benchmark: str, category: str) -> Cell:
        score = found.get((Group(benchmark, model, *name), AVG, category))
        return Cell(score.shown(1), bounds(score, 1)) if score else Cell()

    return Table(
        "categories",
        "Avg@5 by anatomy and by question type, in percent (compare the paper's Fig. 1)",
        "Method",
        tuple(Column(f"{category} (n={sizes[name, category]})", benchmark_title(name)) for name, category in order),
        run_blocks(found, lambda model, name: (cell(model, name, *pair) for pair in order), known),
    )
