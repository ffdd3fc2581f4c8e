"""Pass@1 against Avg@5: is their gap what five samples would produce?

If Pass@1 is the first of the five samples that Avg@5 averages, then a question answered correctly with probability p
adds p(1-p)(1 - 1/5) to the variance of the gap (times 1/N²). The sum is largest where all questions have the same p:
0.8 m (1-m) / N for a mean m. That is the bound here. Policies that answer most questions the same way every time have
a fraction of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy.stats import binomtest, chi2, norm

from anatomy_r1.scoring.metrics import K
from anatomy_r1.tables.table import prose_table
from reports.audit.paper import PaperCell, PaperCells, by_address
from reports.audit.report import Check, Finding, of_p

SHARES = (1.0, 0.5, 0.25)
"""Shares of the largest possible variance that are tried (our choice)."""
NORMAL_95 = float(norm.ppf(0.975))
"""Standard deviations, 1.96, that a normal variable exceeds either way in 5 %."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Pass@1 minus Avg@5 of one row, in points."""

    cell: PaperCell
    """The Pass@1 cell."""
    points: float
    bound: float
    """Largest standard deviation of the gap under sampling, in points."""

    def z(self, share: float = 1.0) -> float:
        """Gap in standard deviations, where the variance is `share` of the largest."""
        return self.points / (self.bound * sqrt(share))


def gaps(cells: PaperCells, n: int) -> tuple[Gap, ...]:
    """Of every row that has both; `n` questions. A row that two tables print counts once."""
    known = by_address(cells)
    found: dict[tuple[str | int, ...], Gap] = {}
    for cell in cells:
        average = known.get((*cell.address[:4], f"avg@{K}"))
        if cell.metric == "pass@1" and average is not None and 0 < average < 10_000:
            mean = average / 10_000
            bound = 100 * sqrt((1 - 1 / K) * mean * (1 - mean) / n)
            key = (*cell.address[1:4], cell.hundredths, average)
            found.setdefault(key, Gap(cell, (cell.hundredths - average) / 100, bound))
    return tuple(found.values())


def surprise(found: Sequence[Gap], share: float) -> float:
    """Probability of gaps at least this large overall, under sampling with `share` of the largest variance."""
    return float(chi2.sf(sum(gap.z(share) ** 2 for gap in found), len(found)))


def one_sided(found: Sequence[Gap]) -> tuple[int, int, float]:
    """Gaps above and below zero, and the probability of a split at least this uneven (exact sign test)."""
    above, below = (sum(sign * gap.points > 0 for gap in found) for sign in (1, -1))
    p = float(binomtest(above, above + below).pvalue) if above + below else 1.0
    return above, below, p


def check(cells: PaperCells, sizes: dict[str, int]) -> Check:
    """Over both benchmarks; `sizes` is the number of questions of each."""
    found = {name: gaps([cell for cell in cells if cell.benchmark == name], n) for name, n in sizes.items()}
    every = [gap for group in found.values() for gap in group]
    wide = [gap for gap in every if abs(gap.points) > 2]
    sizes_text = ", ".join(f"N = {n:,} for {name}" for name, n in sizes.items())
    ranked = sorted(every, key=lambda gap: -abs(gap.z()))[:10]
    largest = prose_table(
        "The ten largest gaps, in points",
        ("row", "Pass@1 minus Avg@5", "95 % range of sampling", "standard deviations"),
        ((gap.cell.name, f"{gap.points:+.2f}", f"±{NORMAL_95 * gap.bound:.2f}", f"{gap.z():+.2f}") for gap in ranked),
        "Range: at the largest variance that sampling allows.",
    )
    by_share = prose_table(
        "How it depends on the variance",
        ("share of the largest variance", "rows beyond 95 %", "p"),
        ((f"{share:.2f}", str(len(_beyond(every, share))), f"{surprise(every, share):.2g}") for share in SHARES),
        "A share of 1 means that every question is equally hard. Expected beyond: 5 % of the rows. Shares are ours.",
    )
    return Check(
        id="pass1",
        title="Pass@1 against Avg@5: is the gap what five samples would produce?",
        looked_at=f"{len(every)} rows with both ({sizes_text}, inferred); {len(wide)} gaps exceed 2 points",
        findings=_findings(found, every),
        tables=(largest, by_share),
    )


def _findings(found: dict[str, tuple[Gap, ...]], every: Sequence[Gap]) -> tuple[Finding, ...]:
    tests = {**{f"sign-{name}": one_sided(group) for name, group in found.items()}, "sign-all": one_sided(every)}
    worst = min(tests, key=lambda name: tests[name][2])
    above, below, raw = tests[worst]
    p = min(1.0, len(tests) * raw)
    strength, size = of_p(p), surprise(every, 1.0)
    if strength is None and of_p(size) is None:
        return ()
    beyond = _beyond(every, 1.0)
    listed = "; ".join(f"{gap.cell.name}: {gap.points:+.2f}" for gap in beyond)
    return (
        Finding(
            id="pass1.gap",
            title="Pass@1 and Avg@5 do not look like the first of five samples and their mean",
            test="Exact sign test of Pass@1 minus Avg@5, by benchmark and overall (times the number of tests); sum "
            "of squared gaps against the largest variance that sampling allows.",
            figure=f"{worst.removeprefix('sign-')}: Pass@1 above Avg@5 in {above} rows and below in {below}, p = "
            f"{p:.3f}. In size, even the largest variance gives p = {size:.2g}, half of it {surprise(every, 0.5):.2g}. "
            f"Beyond 1.96 standard deviations at the largest variance: {len(beyond)} of {len(every)} "
            f"({len(every) * 0.05:.1f} expected): {listed or 'none'}.",
            strength=strength or of_p(size) or "suggestive",
            limits="Rows are treated as independent, although they share questions. A greedy or separately drawn "
            "Pass@1 would explain it; the paper's definition reads as the first sample.",
            question="Is Pass@1 the first of the five samples, a sixth one, or a greedy response?",
        ),
    )


def _beyond(every: Sequence[Gap], share: float) -> list[Gap]:
    """Gaps beyond the 95 % range of sampling with `share` of the largest variance."""
    return [gap for gap in every if abs(gap.z(share)) > NORMAL_95]
