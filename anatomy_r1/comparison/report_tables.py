"""Tables of differences, a row a pair of systems; `document` puts them together.

Tables of the systems themselves: their scores, and what these were made from.

Numbers of a comparison as a person reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from anatomy_r1.comparison.family import METRICS
from anatomy_r1.comparison.outcome import ALL, RESPONSES, Comparison, Outcome, SystemScore
from anatomy_r1.scoring.intervals import Interval
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Row, Table

NO_INTERVAL = "[no interval]"


def score_cell(interval: Interval) -> Cell:
    """A share in percent with its interval; what is printed stays between 0 and 100."""
    if interval.low is None or interval.high is None:
        return Cell(f"{100 * interval.mean:.2f}", NO_INTERVAL)
    low, high = max(100 * interval.low, 0.0), min(100 * interval.high, 100.0)
    return Cell(f"{100 * interval.mean:.2f}", f"[{low:.2f}, {high:.2f}]")


def difference_cell(interval: Interval) -> Cell:
    """A difference in points with its sign and interval; what is printed stays between -100 and 100."""
    if interval.low is None or interval.high is None:
        return Cell(signed(interval.mean), NO_INTERVAL)
    return Cell(signed(interval.mean), interval_text(interval.low, interval.high))


def interval_text(low: float, high: float) -> str:
    """Of a difference, in points; what is printed stays between -100 and 100."""
    return f"[{signed(max(low, -1.0))}, {signed(min(high, 1.0))}]"


def signed(share: float) -> str:
    """A share in points, with its sign; what rounds to nothing has none."""
    points = round(100 * share, 2)
    return f"{points:+.2f}" if points else "0.00"


def points(share: float | None) -> Cell:
    """A share without a sign, in points; a dash where there is none."""
    return Cell(MISSING if share is None else f"{100 * share:.2f}")


def p_text(p: float) -> str:
    """Four decimals; never a zero."""
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def seeds_text(seeds: tuple[int, ...]) -> str:
    """Seeds that two systems share."""
    return ", ".join(map(str, seeds)) or "none shared"


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


_OVER_SEEDS = ("seeds", "seed SD", "interquartile mean")


def scores_table(outcome: Outcome) -> Table:
    """Each system by itself."""
    metric = outcome.family.metric
    heads = (
        *columns("percent", (*METRICS, "clusters")),
        *columns("responses, percent of the five", RESPONSES),
        *columns(f"{metric} over seeds", _OVER_SEEDS),
    )

    def cells(of: Sequence[SystemScore]) -> Iterator[Cell]:
        shown = {score.metric: score_cell(score.interval) for score in of}
        main = next(score for score in of if score.metric == metric)
        yield from (shown[name] for name in METRICS)
        yield Cell(str(main.interval.clusters))
        yield from (shown.get(name, Cell()) for name in RESPONSES)
        yield Cell(", ".join(str(run.seed) for run in main.system.runs))
        yield points(main.spread)
        yield _over_seeds(main)

    overall = [score for score in outcome.scores if score.category == ALL]
    blocks = [
        Block(
            benchmark,
            tuple(
                Row(system.short, tuple(cells(list(of)))) for system, of in groupby(scores, key=lambda one: one.system)
            ),
        )
        for benchmark, scores in groupby(overall, key=lambda one: one.system.benchmark)
    ]
    return Table("scores", "Scores", "System", heads, tuple(blocks))


def _over_seeds(score: SystemScore) -> Cell:
    of = score.over_seeds
    if of.low is None or of.high is None:
        return Cell(f"{100 * of.mean:.2f}", "[one seed]")
    return Cell(f"{100 * of.mean:.2f}", f"[{max(100 * of.low, 0):.2f}, {min(100 * of.high, 100):.2f}]")


def score_categories_table(outcome: Outcome) -> Table:
    """Each system's score by anatomy or question type."""
    shown = [score for score in outcome.scores if score.category != ALL]
    blocks = [
        Block(
            f"{benchmark}: {category}",
            tuple(
                Row(
                    score.system.short,
                    (
                        score_cell(score.interval),
                        Cell(str(score.interval.clusters)),
                        Cell(str(score.interval.n)),
                        points(score.spread),
                    ),
                )
                for score in scores
            ),
        )
        for (benchmark, category), scores in groupby(shown, key=lambda one: (one.system.benchmark, one.category))
    ]
    heads = columns("percent", (outcome.family.metric, "clusters", "questions", "seed SD"))
    return Table("score_categories", "Scores by anatomy or question type", "System", heads, tuple(blocks))


def origins_table(outcome: Outcome) -> Table:
    """What each system's numbers were made from."""
    titles = ("seeds", "commit", "data", "profile", "prompt", "images", "arm")
    blocks = []
    for panel in outcome.panels:
        rows = []
        for system in panel.systems:
            commits = ", ".join(commit[:10] for commit in system.known("commit")) or "not recorded"
            changes = " + uncommitted changes" if system.known("changes") else ""
            prompts, arm = system.conditions["prompts"], system.conditions["arms"].get("arm", "not recorded")
            texts = (
                ", ".join(str(run.seed) for run in system.runs),
                commits + changes,
                ", ".join(data[:10] for data in system.known("data")) or "not recorded",
                ", ".join(system.known("profile")) or "not recorded",
                prompts.get("style", "not recorded"),
                prompts.get("images", "not recorded"),
                arm,
            )
            rows.append(Row(system.short, tuple(map(Cell, texts))))
        blocks.append(Block(panel.benchmark, tuple(rows)))
    return Table("origins", "What the numbers were made from", "System", columns("provenance", titles), tuple(blocks))
