"""The smallest differences that the test questions and videos can resolve, compared with those that the paper claims.

A difference of two methods on the same N questions has the standard error

    se = sqrt(d r (1 + (N/G - 1) icc) / N)

with d the share of questions on which one response of the one is right and of the other wrong, r = 1 for Pass@1 and
Major@5 and (1 + 4 rho) / 5 for Avg@5 (rho: correlation of a question's five differences), and icc the correlation of
differences within one of G videos (Kish's design effect). The smallest difference that a two-sided t test with G - 1
degrees of freedom detects with 80 % power is se times `anatomy_r1.comparison.statistics.detectable`. The paper gives
none of d, rho, icc, so three sets of values are tried; all are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from anatomy_r1.comparison.statistics import LEVEL, detectable
from anatomy_r1.scoring.metrics import K
from anatomy_r1.tables.table import Table, prose_table
from reports.audit.agreement import PrintedDifference, printed
from reports.audit.paper import Claim, PaperCells, by_address
from reports.audit.report import Check, Finding
from reports.scores.names import BENCHMARKS

VIDEOS = 7
"""Videos that the release leaves out: presumably the SGG-VQA test videos (inferred; `data.splits.UNUSED`)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One set of assumptions."""

    name: str
    discordance: float
    rho: float
    icc: float
    videos: bool
    """Whether questions are correlated within a video; else all are independent."""


SCENARIOS = (
    Scenario("favourable", discordance=0.2, rho=0.25, icc=0.0, videos=False),
    Scenario("middle", discordance=0.3, rho=0.5, icc=0.01, videos=True),
    Scenario("strict", discordance=0.4, rho=0.75, icc=0.05, videos=True),
)


def smallest(scenario: Scenario, n: int, metric: str, videos: int | None) -> float:
    """Smallest detectable difference in points; `videos` is None where questions are taken as independent."""
    groups = videos if scenario.videos and videos else n
    ratio = (1 + (K - 1) * scenario.rho) / K if metric == f"avg@{K}" else 1.0
    effect = 1 + (n / groups - 1) * scenario.icc
    return 100 * sqrt(scenario.discordance * ratio * effect / n) * detectable(groups, LEVEL)


def unresolved(
    of: Sequence[PrintedDifference], sizes: dict[str, int], scenario: Scenario = SCENARIOS[0]
) -> list[PrintedDifference]:
    """Differences in the claimed direction that are too small to resolve under the scenario."""
    return [
        one
        for one in of
        if 0 < one.hundredths / 100 < smallest(scenario, sizes[one.benchmark], one.metric, _videos(one.benchmark))
    ]


def check(claims: Sequence[Claim], cells: PaperCells, sizes: dict[str, int]) -> Check:
    """Claims that one method is better than another; `sizes`: questions of each benchmark.

    There is one finding for each claim that fails under the favourable assumptions, one for all that fail under the
    middle ones.
    """
    known = by_address(cells)
    found = [(claim, printed(claim, known)) for claim in claims if claim.kind == "higher"]
    counts = {claim.id: [len(unresolved(of, sizes, scenario)) for scenario in SCENARIOS] for claim, of in found}
    findings, middle = [], []
    for claim, of in found:
        at_favourable, at_middle, _ = counts[claim.id]
        if of and 2 * at_favourable >= len(of):
            findings.append(_finding(claim, of, unresolved(of, sizes), at_middle))
        elif of and 2 * at_middle >= len(of):
            middle.append(f"{claim.id}: {at_middle} of {len(of)}")
    head = ("claim", "differences", *(f"too small, {scenario.name}" for scenario in SCENARIOS))
    rows = ((claim.id, str(len(of)), *map(str, counts[claim.id])) for claim, of in found)
    return Check(
        id="resolution",
        title="Smallest difference that the questions can resolve, compared with those claimed",
        looked_at=f"{len(found)} claims that one method is better than another, each difference at 80 % power and 5 %, "
        "one test at a time",
        findings=(*findings, *([_videos_finding(middle)] if middle else [])),
        tables=(_limits(sizes), prose_table("Differences below the smallest detectable one", head, rows)),
    )


def _videos_finding(middle: Sequence[str]) -> Finding:
    return Finding(
        id="resolution.middle",
        title=f"{len(middle)} more claims: most differences are too small under the middle assumptions",
        test="The same under the middle assumptions: 30 % of answers differ, and the SGG-VQA questions come from "
        "seven videos with a little correlation within each; those of OmniMedVQA are independent.",
        figure=f"Differences too small: {'; '.join(middle)}.",
        strength="suggestive",
        limits="Seven videos are an inference from what the released files leave out, and the correlation within a "
        "video is assumed; with independent questions most of these differences could be resolved.",
        question="Which videos are the test questions from, and how do the differences look video by video?",
    )


def _finding(
    claim: Claim, of: Sequence[PrintedDifference], small: Sequence[PrintedDifference], at_middle: int
) -> Finding:
    listed = "; ".join(one.text for one in small[:6])
    return Finding(
        id=f"resolution.{claim.id}",
        title=f"{claim.locator}: {len(small)} of {len(of)} differences are smaller than the questions can resolve",
        test="Each printed difference against the smallest that the questions could tell from zero, under the "
        f"favourable assumptions (table below). {claim.text}",
        figure=f"Too small: {listed}{'; ...' if len(small) > 6 else ''}. Under the middle assumptions {at_middle} of "
        f"{len(of)} are.",
        strength="suggestive",
        limits="A difference that cannot be resolved may still be real; several in one direction say more than one. "
        "N is inferred, and how often two methods disagree is assumed: per-question answers would tell.",
        question="Could the per-question results be published, or the results of several seeds?",
    )


def _limits(sizes: dict[str, int]) -> Table:
    rows = []
    for name, n in sizes.items():
        for scenario in SCENARIOS:
            videos = _videos(name)
            together = f"{videos} videos, ICC {scenario.icc}" if scenario.videos and videos else "questions independent"
            assumed = f"{100 * scenario.discordance:.0f} % discordant, rho {scenario.rho}, {together}"
            limits = (f"{smallest(scenario, n, metric, videos):.2f}" for metric in (f"avg@{K}", "pass@1"))
            rows.append((BENCHMARKS.get(name, name), f"{n:,}", scenario.name, assumed, *limits))
    head = ("benchmark", "N", "assumptions", "values", "Avg@5", "Pass@1, Major@5")
    return prose_table("Smallest detectable difference, in points", head, rows, "All assumptions are ours.")


def _videos(benchmark: str) -> int | None:
    """OmniMedVQA's groups are small and unknown, so its questions are taken as independent."""
    return VIDEOS if benchmark.startswith("sgg") else None
