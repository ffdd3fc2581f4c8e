"""Tables that accompany an accuracy table: how responses came out, and accuracy by anatomy or question type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anatomy_r1.results.store import Result
from anatomy_r1.scoring.question_table import LENIENT
from anatomy_r1.tables.table import MISSING, Cell, Column, Table
from reports.scores.caveats import Marks
from reports.scores.names import BENCHMARKS, MINI, benchmark_title, rank
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, system_of
from reports.tables.cells import score_cell
from reports.tables.rows import RowName, model_blocks, system_table

_SPREAD = "seed SD: standard deviation of Avg@5 over training seeds, in points."
_EXTRACTION = (
    "lenient: Avg@5 with the lenient extractor, which also reads answers in the wrong format; the strict one decides, "
    "and the two form a band. malformed: not in the format that the prompt asks for; several: more than one answer; "
    "refused: declined to answer, judged by a list of phrases."
)


def responses_table(
    found: Mapping[ScoreKey, Score], results: Sequence[Result], shown: Sequence[str], marks: Marks
) -> Table:
    """Shares of parsed and truncated responses and accuracy of the greedy one, for the benchmarks `shown`.

    Where the store has them, also accuracy by the lenient extractor and the ways in which responses failed.
    """
    styles = {system_of(result): result.style for result in results}
    extraction = any(metric == LENIENT for _, metric, _ in found)
    failures = ("malformed", "several", "refused")
    further = ("lenient", *failures) if extraction else ()

    def share(system: SystemKey, metric: str) -> Cell:
        score = found.get((system, metric, ALL))
        return Cell(f"{score.percent:.1f}") if score else Cell()

    def cells(system: SystemKey) -> list[Cell] | None:
        if system not in styles:
            return None
        average = found[system, AVG, ALL]
        lenient = [score_cell(found.get((system, LENIENT, ALL))), *(share(system, name) for name in failures)]
        return [
            Cell(styles[system]),
            share(system, "parsed"),
            share(system, "truncated"),
            score_cell(found[system, "greedy", ALL]),
            Cell(str(average.seeds)),
            Cell(MISSING if average.seed_sd is None else f"{average.seed_sd:.2f}"),
            *(lenient if extraction else []),
        ]

    return system_table(
        "responses",
        "Responses: share parsed and truncated (percent of the five), accuracy of the greedy response",
        ("prompt", "parsed", "truncated", "greedy", "seeds", "seed SD", *further),
        cells,
        found=found,
        shown=shown,
        marks=marks,
        notes=(_SPREAD, _EXTRACTION) if extraction else (_SPREAD,),
    )


def categories_table(found: Mapping[ScoreKey, Score], marks: Marks) -> Table:
    """Avg@5 by anatomy or question type: which ones a method learns (compare the paper's Fig. 1)."""
    sizes: dict[tuple[str, str], int] = {}
    for system, _, category in found:
        if category != ALL:
            questions = found[system, AVG, category].questions
            sizes[system.benchmark, category] = max(questions, sizes.get((system.benchmark, category), 0))
    order = sorted(sizes, key=lambda pair: (rank(BENCHMARKS, pair[0].removesuffix(MINI)), pair))

    def cells(model: str, name: RowName) -> list[Cell]:
        keys = [(SystemKey(benchmark, model, *name), AVG, category) for benchmark, category in order]
        return [score_cell(found.get(key), 1) for key in keys]

    return Table(
        "categories",
        "Avg@5 by anatomy and by question type, in percent (compare the paper's Fig. 1)",
        "Method",
        tuple(Column(f"{category} (n={sizes[name, category]})", benchmark_title(name)) for name, category in order),
        model_blocks(found, cells, marks),
    )
