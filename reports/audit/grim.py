"""GRIM: which printed percentages can result from a whole number of right answers (Brown and Heathers, 2017)?

A percentage with two decimals is possible for N questions of k responses only if some whole number m of right
responses gives it: round(100 m / (k N), 2). The arithmetic is in integers; a tie may have been rounded either way. The
paper states no N, so the cells are tested at the N that explains them best.

Example:
    >>> possible(3125, 5 * 1000), possible(3126, 5 * 1000), possible(3125, 5 * 2000)
    (False, True, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from anatomy_r1.tables.table import Table, prose_table
from reports.audit.paper import PaperCell, PaperCells
from reports.audit.report import Check, Finding
from reports.scores.names import BENCHMARKS, METRICS, TITLES

LARGEST = 6_000
"""Largest N tried. With k = 1 and two decimals, N = 10,000 allows everything. Ours."""

SHOWN = 6
"""Numbers of questions shown with their fit."""


def possible(hundredths: int, responses: int) -> bool:
    """Whether some m of `responses` rounds to the percentage."""
    return bool(_possible(hundredths, np.asarray(responses)))


def possible_if_cut(hundredths: int, responses: int) -> bool:
    """Whether some m of `responses` gives the percentage if it is truncated to two decimals, not rounded."""
    m = -(-hundredths * responses // 10_000)
    return m <= responses and m * 10_000 < (hundredths + 1) * responses


def impossible(cells: PaperCells, n: int) -> tuple[PaperCell, ...]:
    """Cells that cannot result from `n` questions."""
    return tuple(cell for cell in cells if not possible(cell.hundredths, cell.k * n))


@lru_cache(maxsize=20_000)
def chance(responses: int) -> float:
    """Share of the 10,001 percentages with two decimals that are possible: the chance that a random one is."""
    m = np.arange(responses + 1, dtype=np.int64)
    low = -((responses - 20_000 * m) // (2 * responses))
    high = (20_000 * m + responses) // (2 * responses)
    reached = np.zeros(10_002, dtype=bool)
    reached[np.clip(low, 0, 10_001)] = True
    reached[np.clip(high, 0, 10_001)] = True
    return 1.0 if responses >= 10_000 else float(reached[:10_001].mean())


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a number of questions explains a benchmark's cells."""

    n: int
    fitting: int
    cells: int
    expected: float
    """Number of cells that would fit if the percentages were random."""
    tail: float
    """Probability that at least as many random percentages fit."""


def fits(cells: PaperCells, largest: int = LARGEST) -> tuple[Fit, ...]:
    """For every number of questions from 1 up to `largest`."""
    n = np.arange(1, largest + 1, dtype=np.int64)
    fitting, expected = np.zeros(largest, dtype=int), np.zeros(largest)
    spreads = [np.array([1.0])] * largest
    for k in sorted({cell.k for cell in cells}):
        values = [cell.hundredths for cell in cells if cell.k == k]
        shares = np.array([chance(k * int(one)) for one in n])
        fitting += sum(_possible(value, k * n) for value in values)
        expected += len(values) * shares
        masses = binom.pmf(np.arange(len(values) + 1), len(values), shares[:, np.newaxis])
        spreads = [np.convolve(before, mass) for before, mass in zip(spreads, masses, strict=True)]
    return tuple(
        Fit(int(one), int(fit), len(cells), float(mean), min(1.0, float(spread[fit:].sum())))
        for one, fit, mean, spread in zip(n, fitting, expected, spreads, strict=True)
    )


def inferred(found: Sequence[Fit]) -> Fit:
    """The number of questions whose fit is least likely by chance; of ties, the smallest."""
    return min(found, key=lambda one: (one.tail, one.n))


def _possible(hundredths: int, responses: NDArray[np.int64]) -> NDArray[np.int64]:
    """`possible` for an array of totals, as 0 and 1: is there an integer in the range that rounds to the percentage?"""
    low = np.maximum(-((responses - 2 * hundredths * responses) // 20_000), 0)
    high = np.minimum((2 * hundredths + 1) * responses // 20_000, responses)
    return np.asarray(low <= high, dtype=np.int64)


def check(cells: PaperCells, benchmark: str) -> Check:
    """GRIM for the cells of one benchmark."""
    of = [cell for cell in cells if cell.benchmark == benchmark]
    title = BENCHMARKS.get(benchmark, benchmark)
    found = fits(of)
    wrong = impossible(of, inferred(found).n)
    return Check(
        id=f"grim-{benchmark}",
        title=f"GRIM, {title}: can the percentages result from whole numbers of right answers?",
        looked_at=f"{len(of)} cells against every number of questions N up to {LARGEST:,}; five responses a question "
        "for Avg@5, one for Pass@1 and Major@5",
        findings=(_finding(benchmark, title, found, wrong),) if wrong else (),
        tables=(_fits_table(found, title), _cells_table(of, wrong, inferred(found).n, title)),
    )


def _finding(benchmark: str, title: str, found: Sequence[Fit], wrong: Sequence[PaperCell]) -> Finding:
    best, whole = inferred(found), [one for one in found if one.fitting == one.cells]
    listed = "; ".join(f"{cell.name} {cell.shown}" for cell in wrong[:8])
    more = f"; and {len(wrong) - 8} more (table below)" if len(wrong) > 8 else ""
    cut = sum(not possible_if_cut(cell.hundredths, cell.k * best.n) for cell in wrong)
    allowing = f"No N up to {LARGEST:,} allows all {best.cells}."
    if whole:
        shown = ", ".join(f"{one.n:,}" for one in whole[:5]) + (", ..." if len(whole) > 5 else "")
        allowing = f"N that allow all cells: {shown} (the first by chance {_small(whole[0].tail)})."
    return Finding(
        id=f"grim-{benchmark}.impossible",
        title=f"{title}: {len(wrong)} of {best.cells} cells cannot result from N = {best.n:,} questions",
        test="Is there a whole number of right responses that rounds to the printed percentage? N is the number of "
        "questions whose fit is least likely by chance.",
        figure=f"N = {best.n:,} allows {best.fitting} of {best.cells} cells; {best.expected:.1f} random percentages "
        f"would fit (chance {_small(best.tail)}). Not possible: {listed}{more}. {cut} of these would not be possible "
        f"either if percentages were truncated to two decimals. {allowing}",
        strength="counted",
        limits="That N is as inferred: the paper states none. A cell may have been rounded twice, or cover other "
        "questions or responses than its neighbours; GRIM does not say which, nor that a result is far off.",
        question="How many test questions does this benchmark have, and over how many responses is each of these "
        "cells?",
    )


def _fits_table(found: Sequence[Fit], title: str) -> Table:
    ranked = sorted(found, key=lambda one: (one.tail, one.n))[:SHOWN]
    rows = ((f"{one.n:,}", f"{one.fitting} of {one.cells}", f"{one.expected:.1f}", _small(one.tail)) for one in ranked)
    note = (
        "Expected and chance: if each percentage were drawn uniformly and independently from 0.00 to 100.00. Chance is "
        f"for one N; multiply by {LARGEST:,} to correct for all N tried. Multiples of a good N also fit, less clearly."
    )
    return prose_table(f"{title}: numbers of questions that fit best", ("N", "fit", "expected", "chance"), rows, note)


def _cells_table(of: PaperCells, wrong: Sequence[PaperCell], n: int, title: str) -> Table:
    """The rows of the paper's tables with a cell that `n` questions do not allow."""
    rows: dict[tuple[str, str], list[str]] = {}
    touched = {cell.address[:3] for cell in wrong}
    for cell in of:
        if cell.address[:3] in touched:
            row = (f"Table {cell.table}, {cell.model}", TITLES.get(cell.method, cell.method))
            mark = " (not possible)" if cell in wrong else ""
            rows.setdefault(row, []).append(f"{METRICS.get(cell.metric, cell.metric)} {cell.shown}{mark}")
    lines = ((*row, "; ".join(texts)) for row, texts in rows.items())
    return prose_table(f"{title}: rows with a cell that N = {n:,} does not allow", ("where", "row", "cells"), lines)


def _small(p: float) -> str:
    return f"{p:.1e}" if p < 0.001 else f"{p:.3f}"
