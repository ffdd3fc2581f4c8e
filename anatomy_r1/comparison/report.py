"""The report of a comparison: as a document (tables, how to read them, warnings), and as JSON with every number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from anatomy_r1.comparison.beside_blind import NOTE as BLIND_NOTE
from anatomy_r1.comparison.beside_blind import blind_json, blind_table
from anatomy_r1.comparison.cells import columns, difference_cell, interval_text, p_text, points, score_cell
from anatomy_r1.comparison.compare import RESPONSES, Analysis, Comparison, Difference, SystemScore
from anatomy_r1.comparison.family import METRICS
from anatomy_r1.comparison.headlines import headlines
from anatomy_r1.comparison.panel import ALL
from anatomy_r1.comparison.statistics import DRAWS, EXACT_CLUSTERS
from anatomy_r1.comparison.systems import System
from anatomy_r1.scoring.question_table import LENIENT
from anatomy_r1.tables.table import Block, Cell, Column, Document, Row, Table

GENERATED = "Numbers on generated data (benchmarks in _mini) say nothing about real models, images or questions."
VERSION = 1
"""Version of the JSON format."""
NAMED = 10
"""Flipped questions named in each direction by default."""
FEW = 20
"""Clusters below which the report warns that intervals are too narrow: with 20, by about one point of coverage
(docs/statistics.md)."""
OVER_SEEDS = "over clusters and seeds"
_UNTESTED = "points; not tested"
_BEFORE = {
    "yes": "It was identical at the commit of every result: it was declared before the runs.",
    "no": "NOT DECLARED BEFORE THE RUNS: at the commit of at least one result it did not exist, or read otherwise.",
    "unknown": "Whether it was declared before the runs is not known: git cannot tell from the results' commits.",
}


def document(analysis: Analysis, named: int = NAMED) -> Document:
    """The report for readers; it names up to `named` flipped questions in each direction."""
    first = (verdict_table, scores_table)
    further = (metrics_table, categories_table, score_categories_table)
    tables = (
        *(table(analysis) for table in first),
        blind_table([(panel, panel.benchmark) for panel in analysis.panels], analysis.family.metric),
        *(table(analysis) for table in further),
        flips_table(analysis, named),
        origins_table(analysis),
    )
    kept = tuple(table for table in tables if table.blocks)
    return Document(
        "Comparison of systems",
        " ".join(_warnings(analysis)),
        kept,
        tuple(_notes(analysis)),
        lead=analysis.reservations,
        headlines=headlines(analysis),
    )


def _warnings(analysis: Analysis) -> Iterator[str]:
    caveats = [f"{panel.benchmark}: {text}." for panel in analysis.panels for text in panel.caveats]
    if caveats:
        yield "Compared although not all conditions are known to agree. " + " ".join(caveats)
    if any(panel.benchmark.endswith("_mini") for panel in analysis.panels):
        yield GENERATED


def _notes(analysis: Analysis) -> Iterator[str]:
    family = analysis.family
    smallest = f"{100 * family.smallest_difference:g} points"
    intervals = [one.difference(family.metric).interval for one in analysis.comparisons]
    yield (
        "Intervals: 95 %, cluster-robust t, each on its own (Holm adjusts p, not intervals); clusters are independent "
        "units (videos, slides, patients or images). Differences are paired: question by question, averaged first over "
        "the bases and seeds that both systems have."
    )
    yield (
        f"Verdict (our rule): better or worse if p (Holm) is at most {family.level}; else underpowered if even the "
        f"smallest possible p (Holm) is above {family.level}, or the MDD is above {smallest}; else no detectable "
        "difference."
    )
    yield (
        "A verdict is about the weights that were compared. Over clusters and seeds (and bases, if there are several): "
        "95 % interval of the difference for another training on other clusters, given from three seeds (and three "
        "bases) on. Marked (these weights): the method has another verdict, or none. The method: by that interval's "
        f"own t test, with Holm over the family; no detectable difference if the interval stays within {smallest}, "
        "else underpowered. (one base): all trainings started from the same base, so nothing is said of another."
    )
    yield _family_note(analysis)
    yield _test_note(analysis)
    yield (
        "MDD: minimum detectable difference at 80 % power with the observed standard error, at level "
        f"{p_text(family.strictest_level)} for tested differences and {family.level} for the others. A dash: the "
        "clusters do not vary, or there is only one, so nothing can be estimated."
    )
    yield (
        "seed SD: standard deviation over training seeds, in points. Interquartile mean: over seeds, with its own 95 % "
        "interval (Tukey and McLaughlin) for other seeds. The JSON lists all flipped questions."
    )
    yield BLIND_NOTE
    if any(interval.clusters < FEW for interval in intervals):
        yield (
            f"Fewer than {FEW} clusters: 95 % intervals cover the truth less often than they state, 93 % with seven "
            "clusters and 87 % if these are of very unequal size (docs/statistics.md)."
        )
    if any(interval.degenerate for interval in intervals):
        yield "An interval of zero width: all clusters differ by the same amount. It shows no variation, not certainty."
    yield f"Compared by code at commit {analysis.code[:10] or 'unknown'}. Research only, not for clinical use."


def _family_note(analysis: Analysis) -> str:
    family, declared = analysis.family, analysis.declaration
    size = f"{len(family.pairs)} comparison{'s' if len(family.pairs) > 1 else ''}"
    if declared is None:
        return f"Family for Holm: {family.name} ({size}). Not declared before the runs; to declare one: --family FILE."
    commit = f"commit {declared.commit[:10]} of {declared.committed}" if declared.commit else "not committed"
    lacking = len(family.pairs) - sum(one.test is not None for one in analysis.comparisons)
    missing = f" {lacking} of them not made here, each counted with p = 1." if lacking else ""
    return (
        f"Family for Holm: {family.name} ({size}), {declared.path}, SHA-256 {declared.sha256[:16]}, {commit}; "
        f"it is dated {family.declared}. {_BEFORE[declared.before]}{missing}"
    )


def _test_note(analysis: Analysis) -> str:
    flips = [one.test.flip for one in analysis.comparisons if one.test]
    kinds = []
    if any(flip.exact for flip in flips):
        kinds.append(f"all sign patterns for up to {EXACT_CLUSTERS} clusters")
    if drawn := next((flip for flip in flips if not flip.exact), None):
        kinds.append(f"{DRAWS:,} random patterns (seed {drawn.seed}) and the observed one for more clusters")
    return f"p: two-sided paired sign-flip test over clusters; {'; '.join(kinds) or 'no comparison was tested'}."


def verdict_table(analysis: Analysis) -> Table:
    """The tested metric: each difference, its verdict, and what the verdict rests on."""
    metric = analysis.family.metric
    titles = ["difference", "verdict", "p", "p (Holm)", "smallest p (Holm)", "MDD", "clusters"]
    over = "over clusters, seeds and bases" if any(one.bases for one in analysis.comparisons) else OVER_SEEDS
    titles += ["seeds", "seed SD", over, "the method", "p (Holm), method", "MDD, method"]

    def cells(one: Comparison) -> Iterator[Cell]:
        difference, test = one.difference(metric), one.test
        yield difference_cell(difference.interval)
        if test:
            yield Cell(test.verdict, "(these weights)" if test.of_these_weights else "")
            yield from (Cell(p_text(p)) for p in (test.flip.p, test.p, test.floor))
        else:
            yield from (Cell("not in the family"), Cell(), Cell(), Cell())
        yield points(difference.detectable)
        yield Cell(str(difference.interval.clusters))
        yield Cell(one.factors or "none shared")
        yield points(one.spread)
        yield Cell(interval_text(one.retrained.low, one.retrained.high)) if one.retrained else Cell()
        yield from _method_cells(one)

    heads = columns(f"{metric}, points", titles)
    return Table("verdicts", f"Differences in {metric}, and verdicts", "System", heads, _pair_blocks(analysis, cells))


def _method_cells(one: Comparison) -> tuple[Cell, ...]:
    method = one.test.method if one.test else None
    if method is None or one.retrained is None:
        return (Cell(), Cell(), Cell())
    aside = "" if one.retrained.bases > 1 else "(one base)"
    return (Cell(method.verdict, aside), Cell(p_text(method.p)), points(method.detectable))


def metrics_table(analysis: Analysis) -> Table:
    """The other metrics: differences and minimum detectable differences, without a test."""
    shown = [metric for metric in METRICS if metric != analysis.family.metric]

    def cells(one: Comparison) -> Iterator[Cell]:
        for metric in shown:
            difference = one.difference(metric)
            yield difference_cell(difference.interval)
            yield points(difference.detectable)
        yield Cell(str(one.difference(shown[0]).interval.clusters))

    heads = [column for metric in shown for column in (Column(metric, _UNTESTED), Column("MDD", _UNTESTED, True))]
    heads.append(Column("clusters", _UNTESTED, True))
    title = "Differences in the other metrics"
    return Table("metrics", title, "System", tuple(heads), _pair_blocks(analysis, cells))


def categories_table(analysis: Analysis) -> Table:
    """By anatomy or question type: differences without a test, so that none is selected afterwards."""

    def cells(of: Difference) -> tuple[Cell, ...]:
        counts = Cell(str(of.interval.clusters)), Cell(str(of.interval.n))
        return (difference_cell(of.interval), points(of.detectable), *counts)

    blocks = []
    for one in analysis.comparisons:
        rows = tuple(Row(of.category, cells(of)) for of in one.differences if of.category != ALL)
        blocks.append(Block(f"{one.benchmark}: {one.other.marked} minus {one.baseline.marked}", rows))
    heads = columns(f"{analysis.family.metric}, {_UNTESTED}", ("difference", "MDD", "clusters", "questions"))
    title = "Differences by anatomy or question type"
    return Table("categories", title, "Anatomy or type", heads, tuple(blocks))


def flips_table(analysis: Analysis, named: int = NAMED) -> Table:
    """How many questions flipped, and which: up to `named` in each direction; the JSON lists all of them."""

    def cells(one: Comparison) -> Iterator[Cell]:
        for count in (len(one.flips.gained), len(one.flips.lost), one.flips.questions):
            yield Cell(str(count))

    notes = [note for one in analysis.comparisons for note in _flip_notes(one, named)]
    heads = columns(f"questions right by {analysis.comparisons[0].flips.metric}", ("gained", "lost", "questions"))
    title = "Flipped questions: gained (wrong for the baseline, right for the other) and lost (the reverse)"
    return Table("flips", title, "System", heads, _pair_blocks(analysis, cells), tuple(notes))


def _flip_notes(one: Comparison, limit: int) -> Iterator[str]:
    for direction, flips in (("gained", one.flips.gained), ("lost", one.flips.lost)):
        if flips and limit:
            shown = ", ".join(f"{flip.id} ({flip.category})" for flip in flips[:limit])
            more = f" and {len(flips) - limit} more" if len(flips) > limit else ""
            yield f"{one.benchmark}, {one.other.short} minus {one.baseline.short}, {direction}: {shown}{more}."


def scores_table(analysis: Analysis) -> Table:
    """Each system's own scores."""
    metric = analysis.family.metric
    known = {score.metric for score in analysis.scores}
    of_answers = [name for name in (*METRICS, LENIENT) if name in known]
    heads = (
        *columns("percent", (*of_answers, "clusters")),
        *columns("responses, percent of the five", (*RESPONSES, "parsed, lenient")),
        *columns(f"{metric} over seeds", ("seeds", "seed SD", "interquartile mean")),
    )

    def cells(system: System, scores: Sequence[SystemScore]) -> Iterator[Cell]:
        shown = {score.metric: score_cell(score.interval) for score in scores}
        main = next(score for score in scores if score.metric == metric)
        yield from (shown.get(name, Cell()) for name in of_answers)
        yield Cell(str(main.interval.clusters))
        yield from (shown.get(name, Cell()) for name in RESPONSES)
        yield points(system.parsed_lenient)
        yield Cell(system.factors)
        yield points(main.spread)
        yield score_cell(main.over_seeds, "[one seed]")

    def rows(scores: Iterator[SystemScore]) -> Iterator[Row]:
        for system, of in groupby(scores, lambda one: one.system):
            yield Row(system.marked, tuple(cells(system, list(of))))

    overall = [score for score in analysis.scores if score.category == ALL]
    blocks = [Block(benchmark, tuple(rows(of))) for benchmark, of in groupby(overall, lambda one: one.system.benchmark)]
    return Table("scores", "Scores", "System", heads, tuple(blocks))


def score_categories_table(analysis: Analysis) -> Table:
    """Each system's score by anatomy or question type."""

    def row(score: SystemScore) -> Row:
        counts = Cell(str(score.interval.clusters)), Cell(str(score.interval.n))
        return Row(score.system.marked, (score_cell(score.interval), *counts, points(score.spread)))

    shown = [score for score in analysis.scores if score.category != ALL]
    blocks = [
        Block(f"{benchmark}: {category}", tuple(map(row, of)))
        for (benchmark, category), of in groupby(shown, lambda one: (one.system.benchmark, one.category))
    ]
    heads = columns("percent", (analysis.family.metric, "clusters", "questions", "seed SD"))
    return Table("score_categories", "Scores by anatomy or question type", "System", heads, tuple(blocks))


def origins_table(analysis: Analysis) -> Table:
    """What each system's numbers were made from."""
    titles = ("seeds", "commit", "data", "profile", "prompt", "images", "arm", "fitness")
    blocks = [
        Block(panel.benchmark, tuple(Row(system.short, tuple(map(Cell, _origin(system)))) for system in panel.systems))
        for panel in analysis.panels
    ]
    return Table("origins", "What the numbers were made from", "System", columns("provenance", titles), tuple(blocks))


def _origin(system: System) -> Iterator[str]:
    missing, prompts = "not recorded", system.conditions["prompts"]
    yield system.factors
    commits = ", ".join(commit[:10] for commit in system.known("commit")) or missing
    yield commits + (" + uncommitted changes" if system.known("changes") else "")
    yield ", ".join(data[:10] for data in system.known("data")) or missing
    yield ", ".join(system.known("profile")) or missing
    yield prompts.get("style", missing)
    yield prompts.get("images", missing)
    yield system.conditions["arms"].get("arm", missing)
    yield ", ".join(sorted({run.fitness.word for run in system.runs}))


def _pair_blocks(analysis: Analysis, cells: Callable[[Comparison], Iterator[Cell]]) -> tuple[Block, ...]:
    """One block per benchmark and baseline, with one row per system."""
    groups = groupby(analysis.comparisons, lambda one: f"{one.benchmark}: minus {one.baseline.marked}")
    return tuple(Block(title, tuple(Row(one.other.marked, tuple(cells(one))) for one in of)) for title, of in groups)


def as_json(analysis: Analysis) -> str:
    """The whole analysis; numbers are shares between 0 and 1, not percent."""
    family = analysis.family
    content = {
        "version": VERSION,
        "unit": "shares",
        "code": analysis.code,
        "family": {**_plain(family), "pairs": [sorted(pair) for pair in family.pairs]},
        "declaration": analysis.declaration,
        "reservations": analysis.reservations,
        "systems": {system.name: _system(system) for panel in analysis.panels for system in panel.systems},
        "conditions": {panel.benchmark: panel.caveats for panel in analysis.panels},
        "scores": analysis.scores,
        "beside_blind": blind_json(analysis.panels, family.metric),
        "comparisons": analysis.comparisons,
    }
    parts = [f" {json.dumps(key)}: {_value(value)}" for key, value in content.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _value(value: Any) -> str:
    """JSON with one line for each item of a list: the encoder's own indentation takes ten times as long."""
    if not isinstance(value, tuple) or not value:
        return json.dumps(value, allow_nan=False, default=_plain)
    return "[\n  " + ",\n  ".join(json.dumps(one, allow_nan=False, default=_plain) for one in value) + "\n ]"


def _plain(record: Any) -> Any:
    """A system by its name; any other record as its fields."""
    if isinstance(record, System):
        return record.name
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _system(system: System) -> dict[str, Any]:
    return {
        "benchmark": system.benchmark,
        "conditions": {kind: dict(fields) for kind, fields in system.conditions.items()},
        "runs": {str(run.key): dict(run.origin) for run in system.runs},
        "parsed_lenient": system.parsed_lenient,
        "unfit": {str(run.key): run.fitness.reasons for run in system.runs if run.fitness.reasons},
    }
