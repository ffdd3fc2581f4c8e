"""One page per method: description, scores by anatomy, cost, training settings, and overlap with the test set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from anatomy_r1.evaluation.views import split_row
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.question_table import LENIENT
from anatomy_r1.tables.document import Document
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, Table
from reports.scores.cost import Cost
from reports.scores.names import METRICS, benchmark_title, method_title, model_title
from reports.scores.notes import certificate_notes, marked, marks, notes, unfit_notes
from reports.scores.paper import PaperNumbers
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, system_of
from reports.site.about import METHODS, About
from reports.site.page import SitePage
from reports.site.provenance import again, facts
from reports.site.shards import slug
from reports.tables.further import cost_report
from reports.tables.rows import in_order, score_cell

_SHOWN = {
    **METRICS,
    "greedy": "Greedy",
    LENIENT: "Avg@5, lenient extractor",
    "parsed": "Parsed",
    "truncated": "Cut off",
}
_COLUMNS = ("percent", "paper", "clusters", "questions", "seeds", "seed SD")
_UNKNOWN = About("No description is kept of this method here.", "")


def method_file(method: str) -> str:
    """File name of the page."""
    return f"method-{slug(method)}.html"


def method_page(
    method: str,
    results: Sequence[Result],
    found: Mapping[ScoreKey, Score],
    spent: Mapping[SystemKey, Cost],
    numbers: PaperNumbers,
) -> SitePage:
    """The page of one method from its results, all scores of the store and all costs."""
    mine = {key: score for key, score in found.items() if key[0].method == method}
    said = (*certificate_notes(results), *notes(results, mine.values(), 1))
    scored = Document("Scores", "", tuple(_score_tables(results, mine, numbers)), said)
    title = method_title(method, MATCHED)
    content = {
        "about": METHODS.get(split_row(method)[0], _UNKNOWN),
        "report": scored,
        "cost": cost_report(results, mine, spent),
        "unfit": unfit_notes(results),
        "leakage": leakage_rows(results),
        "knobs": knob_rows(results),
    }
    return SitePage(
        method_file(method),
        title,
        "method.html.j2",
        content,
        ("sort.js",),
        facts(results),
        again(results),
        section="methods.html",
    )


def _score_tables(results: Sequence[Result], mine: Mapping[ScoreKey, Score], numbers: PaperNumbers) -> list[Table]:
    flagged = marks(results)
    found: dict[str, list[Block]] = {}
    for system in dict.fromkeys(system_of(result) for result in sorted(results, key=in_order)):
        title = f"{model_title(system.model, paper_beside=False)}, {method_title(system.method, system.arm)}"
        found.setdefault(system.benchmark, []).append(
            Block(marked(title, [system], flagged), _rows(mine, numbers, system))
        )
    columns = tuple(Column(title, "", title == "paper") for title in _COLUMNS)
    return [
        Table(f"scores-{slug(name)}", benchmark_title(name), "Metric", columns, tuple(blocks))
        for name, blocks in found.items()
    ]


def _rows(mine: Mapping[ScoreKey, Score], numbers: PaperNumbers, system: SystemKey) -> tuple[Row, ...]:
    metrics = [(title, mine.get((system, metric, ALL))) for metric, title in _SHOWN.items()]
    categories = sorted(category for of, metric, category in mine if of == system and metric == AVG and category)
    by_category = [(f"Avg@5: {category}", mine[system, AVG, category]) for category in categories]
    return tuple(Row(title, _cells(score, numbers)) for title, score in (*metrics, *by_category) if score)


def _cells(score: Score, numbers: PaperNumbers) -> tuple[Cell, ...]:
    theirs = numbers.of_score(score, 1)
    return (
        score_cell(score),
        Cell(MISSING if theirs is None else f"{theirs:.2f}"),
        Cell(str(score.clusters)),
        Cell(str(score.questions)),
        Cell(str(score.seeds)),
        Cell(MISSING if score.seed_sd is None else f"{score.seed_sd:.2f}"),
    )


def leakage_rows(results: Sequence[Result]) -> list[tuple[str, str, str, str]]:
    """(benchmark, kind of overlap, test questions concerned, "not clean" where it is), without repeats."""
    found: dict[tuple[str, str, str, str], None] = {}
    for result in sorted(results, key=lambda one: one.key):
        stated = result.provenance.get("leakage")
        passport: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
        for kind, overlap in sorted(passport.get("overlaps", {}).items()):
            unclean = "not clean" if kind in passport.get("not_clean", ()) else ""
            count = f"{overlap.get('test_questions', MISSING)} of {passport.get('test', {}).get('questions', MISSING)}"
            found[benchmark_title(result.benchmark), kind.replace("_", " "), count, unclean] = None
    return list(found)


def knob_rows(results: Sequence[Result]) -> list[tuple[str, str]]:
    """(setting, values): every argument of training, start and trainer, over all seeds and benchmarks."""
    found: dict[str, set[str]] = {}
    for result in results:
        plan = stated(result.provenance, "training", "plan")
        start = {"starts from": stated(plan, "parent", "cell")}
        for name, value in {**_mapping(plan, "method"), **start, **_mapping(plan, "arguments")}.items():
            found.setdefault(name, set()).add(_plain(value))
    return [(name, ", ".join(sorted(values))) for name, values in sorted(found.items())]


def _mapping(record: Any, name: str) -> Mapping[str, Any]:
    found = stated(record, name)
    return found if isinstance(found, Mapping) else {}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
