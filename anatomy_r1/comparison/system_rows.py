"""Tables of the systems themselves: their scores, and what these were made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from anatomy_r1.comparison.family import METRICS
from anatomy_r1.comparison.outcome import Outcome
from anatomy_r1.comparison.report_tables import columns
from anatomy_r1.comparison.scores import ALL, RESPONSES, SystemScore
from anatomy_r1.comparison.words import points, score_cell
from anatomy_r1.tables.table import Block, Cell, Row, Table

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
