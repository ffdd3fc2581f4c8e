"""Tables of differences, a row a pair of systems; `document` puts them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from anatomy_r1.comparison.family import METRICS
from anatomy_r1.comparison.outcome import Comparison, Outcome
from anatomy_r1.comparison.scores import ALL
from anatomy_r1.comparison.words import difference_cell, interval_text, p_text, points, seeds_text
from anatomy_r1.tables.table import Block, Cell, Column, Row, Table

NAMED = 10
"""Flipped questions named in each direction, unless told otherwise."""


def verdict_table(outcome: Outcome) -> Table:
    """The metric that is tested: difference, verdict, and what the verdict rests on."""
    metric = outcome.family.metric
    titles = ["difference", "verdict", "p", "p (Holm)", "smallest p (Holm)", "MDD", "clusters"]
    titles += ["seeds", "seed SD", "over clusters and seeds"]

    def cells(one: Comparison) -> Iterator[Cell]:
        difference, test = one.difference(metric), one.test
        yield difference_cell(difference.interval)
        yield Cell(test.verdict, "(these weights)" if test.of_these_weights else "") if test else Cell(_OUTSIDE)
        yield Cell(p_text(test.flip.p)) if test else Cell()
        yield Cell(p_text(test.p)) if test else Cell()
        yield Cell(p_text(test.floor)) if test else Cell()
        yield points(difference.detectable)
        yield Cell(str(difference.interval.clusters))
        yield Cell(seeds_text(one.seeds))
        yield points(one.spread)
        yield Cell(interval_text(one.retrained.low, one.retrained.high)) if one.retrained else Cell()

    heads = columns(f"{metric}, points", titles)
    return Table("verdicts", f"Differences in {metric}, and verdicts", "System", heads, _pair_blocks(outcome, cells))


_OUTSIDE = "not in the family"


def metrics_table(outcome: Outcome) -> Table:
    """The other metrics: differences and minimum detectable differences, without a test."""
    shown = [metric for metric in METRICS if metric != outcome.family.metric]

    def cells(one: Comparison) -> Iterator[Cell]:
        for metric in shown:
            difference = one.difference(metric)
            yield difference_cell(difference.interval)
            yield points(difference.detectable)
        yield Cell(str(one.difference(shown[0]).interval.clusters))

    columns = [column for metric in shown for column in (Column(metric, _UNTESTED), Column("MDD", _UNTESTED, True))]
    blocks = _pair_blocks(outcome, cells)
    title = "Differences in the other metrics"
    return Table("metrics", title, "System", (*columns, Column("clusters", _UNTESTED, True)), blocks)


_UNTESTED = "points; not tested"


def categories_table(outcome: Outcome) -> Table:
    """By anatomy or question type: differences without a test, so that none can be picked out afterwards."""
    blocks = []
    for one in outcome.comparisons:
        rows = [
            Row(
                difference.category,
                (
                    difference_cell(difference.interval),
                    points(difference.detectable),
                    Cell(str(difference.interval.clusters)),
                    Cell(str(difference.interval.n)),
                ),
            )
            for difference in one.differences
            if difference.category != ALL
        ]
        blocks.append(Block(f"{one.benchmark}: {one.other.short} minus {one.baseline.short}", tuple(rows)))
    heads = columns(f"{outcome.family.metric}, {_UNTESTED}", ("difference", "MDD", "clusters", "questions"))
    title = "Differences by anatomy or question type"
    return Table("categories", title, "Anatomy or type", heads, tuple(blocks))


def flips_table(outcome: Outcome, named: int = NAMED) -> Table:
    """How many questions flipped, and which; the full list is in the JSON."""

    def cells(one: Comparison) -> Iterator[Cell]:
        yield Cell(str(len(one.flips.gained)))
        yield Cell(str(len(one.flips.lost)))
        yield Cell(str(one.flips.questions))

    notes = [note for one in outcome.comparisons for note in _named(one, named)]
    metric = outcome.comparisons[0].flips.metric
    heads = columns(f"questions right by {metric}", ("gained", "lost", "questions"))
    title = "Flipped questions: gained (wrong for the baseline, right for the other) and lost (the reverse)"
    return Table("flips", title, "System", heads, _pair_blocks(outcome, cells), tuple(notes))


def _named(one: Comparison, limit: int) -> Iterator[str]:
    for direction, flips in (("gained", one.flips.gained), ("lost", one.flips.lost)):
        if flips and limit:
            shown = ", ".join(f"{flip.id} ({flip.category})" for flip in flips[:limit])
            more = f" and {len(flips) - limit} more" if len(flips) > limit else ""
            yield f"{one.benchmark}, {one.other.short} minus {one.baseline.short}, {direction}: {shown}{more}."


def mcnemar_table(outcome: Outcome) -> Table:
    """McNemar's test, seed by seed."""
    blocks = [
        Block(
            f"{one.benchmark}: {one.other.short} against {one.baseline.short}",
            tuple(
                Row(
                    f"{found.metric}, seed {found.seed}",
                    tuple(
                        Cell(text)
                        for text in (
                            str(found.test.both),
                            str(found.test.first_only),
                            str(found.test.second_only),
                            str(found.test.neither),
                            p_text(found.test.p),
                        )
                    ),
                )
                for found in one.discordances
            ),
        )
        for one in outcome.comparisons
        if one.discordances
    ]
    titles = ("both right", "baseline only", "other only", "neither", "p, clusters ignored")
    title = "McNemar's exact test. It ignores clusters: its p is too small where questions of one video hang together"
    return Table("mcnemar", title, "Outcome", columns("questions", titles), tuple(blocks))


def columns(group: str, titles: Sequence[str]) -> tuple[Column, ...]:
    """Columns under one heading."""
    return tuple(Column(title, group) for title in titles)


def _pair_blocks(outcome: Outcome, cells: Callable[[Comparison], Iterator[Cell]]) -> tuple[Block, ...]:
    """A block a benchmark and baseline, a row a system."""
    return tuple(
        Block(f"{benchmark}: minus {baseline}", tuple(Row(one.other.short, tuple(cells(one))) for one in of))
        for (benchmark, baseline), of in groupby(
            outcome.comparisons, key=lambda one: (one.benchmark, one.baseline.short)
        )
    )
