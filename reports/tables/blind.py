"""What the image adds: Avg@5 minus the best rule that sees no image, for every row of the store.

A score that is not above the rule has not been shown to need the image. Controls and views are rows as well: the rule
minus itself is zero, and a policy without its image should not be above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import BesideBlind, BlindDifference
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import SeededInterval
from anatomy_r1.tables.table import Cell, Document, Table
from reports.scores.blind import ADD, beside_blind_by_system, blind_notes
from reports.scores.notes import USE, leakage_notes, made_from, marks, uneven_runs, unfit_notes, warning
from reports.scores.scores import (
    ALL,
    AVG,
    Score,
    ScoreKey,
    SystemKey,
    by_key,
    minus,
    not_clean,
    score_of,
    scores,
    system_of,
)
from reports.tables import TableExport
from reports.tables.rows import difference_cell, score_cell, system_table

TITLES = ("Avg@5", "blind rule", "its score", "Avg@5 minus the rule", "verdict")
_READING = (
    "Avg@5: mean [95 % interval], each question averaged over training seeds first. blind rule: the one of four rules "
    "over stems and options that is best in cross-validation on the training questions (of clusters without a test "
    "question); its score: on the same test questions. Avg@5 minus the rule: paired difference in points [95 % "
    "cluster-robust t interval, two-sided, not adjusted for the number of rows]; zero throughout for a row that is the "
    "rule itself. not above: the lower bound is zero or below. — = not run."
)
_MEANING = (
    "A score that is not above the rule can be had from the texts. That does not say that the policy ignores the "
    "image: for that, it is shown a wrong one (python -m reports controls). A score above the rule may still rest on "
    "texts: what four rules find is a lower bound of what texts allow (docs/blind.md)."
)


def export(results: Sequence[Result]) -> TableExport:
    """The table as it is written; its CSV has Avg@5, the rule's score and the difference of every row."""
    found, beside = by_key(scores(results)), beside_blind_by_system(results)
    further = [score for system, one in beside.items() for score in _numbers(results, found[system, AVG, ALL], one)]
    averages = [found[system, AVG, ALL] for system in beside]
    return TableExport(blind_report(results), [*averages, *further])


def blind_report(results: Sequence[Result]) -> Document:
    """The table, from the results of one profile; pure.

    Raises:
        AnatomyR1Error: when no result records a blind rule, or the results do not belong in one table.
    """
    found, beside = by_key(scores(results)), beside_blind_by_system(results)
    if not any(isinstance(one, BlindDifference) for one in beside.values()):
        problem = "no result records the best rule that sees no image"
        raise AnatomyR1Error(f"{problem}. Fix: {ADD} --store STORE --data PREPARED adds it")
    table = _table(results, found, beside)
    averages = [found[system, AVG, ALL] for system in beside]
    said = (*uneven_runs(results), *unfit_notes(results), *leakage_notes(averages), *blind_notes(results, averages))
    title = f"Anatomy-R1, what the image adds: profile {results[0].profile}"
    return Document(title, warning(results), (table,), (*said, made_from(results, averages), USE))


def _table(
    results: Sequence[Result], found: Mapping[ScoreKey, Score], beside: Mapping[SystemKey, BesideBlind]
) -> Table:
    def cells(system: SystemKey) -> list[Cell]:
        average, one = found[system, AVG, ALL], beside[system]
        if isinstance(one, str):
            return [score_cell(average), Cell(), Cell(), Cell(), Cell(one)]
        accuracy, difference = _numbers(results, average, one)
        own = (Cell(one.rule), score_cell(accuracy), difference_cell(difference), Cell(one.verdict))
        return [score_cell(average), *own]

    title = "What the image adds: Avg@5 minus the best blind rule"
    return system_table("blind", title, TITLES, cells, found=found, marks=marks(results), notes=(_READING, _MEANING))


def _numbers(results: Sequence[Result], average: Score, one: BesideBlind) -> Iterator[Score]:
    """Score of the rule and difference, in percent and points; nothing without a rule."""
    if isinstance(one, BlindDifference):
        leaks = not_clean(result for result in results if system_of(result) == average.system)
        for metric, interval in ((f"blind {one.rule}", one.accuracy), (minus(AVG, one.rule), one.difference)):
            score = score_of(average.system, metric, ALL, SeededInterval(interval, average.seeds, None), leaks)
            yield replace(score, bases=average.bases)
