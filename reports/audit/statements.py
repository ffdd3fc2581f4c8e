"""Comparisons in the paper's words ("consistently", "most", best of a column) against its own tables, as printed."""

from __future__ import annotations

from collections.abc import Sequence

from reports.audit.cells import Cells, by_address
from reports.audit.claims import Claim, Printed, holds, printed
from reports.audit.finding import Check, Finding
from reports.formats.page import Grid
from reports.scores.names import BENCHMARKS, METRICS, TITLES


def check(claims: Sequence[Claim], cells: Cells) -> Check:
    """Every claim that compares, whatever its differences' size."""
    known = by_address(cells)
    found = [(claim, printed(claim, known)) for claim in claims if claim.kind in ("higher", "gain")]
    rows = tuple(
        (
            claim.id,
            claim.text,
            f"{sum(one.hundredths > 0 for one in of)} of {len(of)}",
            "yes" if holds(claim, of) else "no",
        )
        for claim, of in found
    )
    return Check(
        id="statements",
        title="Comparisons in words against the tables",
        looked_at=f"{len(found)} claims over {sum(len(of) for _, of in found)} differences, as printed and without "
        "regard to chance",
        findings=tuple(_finding(claim, of) for claim, of in found if not holds(claim, of)),
        grids=(Grid("Claims that compare", ("claim", "in our words", "differences that bear it out", "holds"), rows),),
    )


def _finding(claim: Claim, of: Sequence[Printed]) -> Finding:
    against = [one for one in of if one.hundredths <= 0]
    listed = "; ".join(difference_text(one) for one in against[:8])
    return Finding(
        id=f"statements.{claim.id}",
        title=f"{claim.locator}: the tables bear it out in {len(of) - len(against)} of {len(of)} cells",
        test=f"Every printed difference that the claim is about ({claim.quantifier} must be above 0): {claim.text}",
        figure=f"Against it: {listed}.",
        strength="counted",
        limits="Whether the sentence was meant for every metric, or for the one that the next sentences quote. "
        "Differences this small may have either sign by chance.",
        question="Is the sentence meant for all metrics that the table has?",
    )


def difference_text(one: Printed) -> str:
    """`SGG-VQA (Anatomy), Qwen-2.5-VL-7B, Avg@5, GRPO-GDQA less SFT: +10.86`."""
    names = f"{TITLES.get(one.left, one.left)} less {TITLES.get(one.right, one.right)}"
    where = f"{BENCHMARKS.get(one.benchmark, one.benchmark)}, {one.model}, {METRICS.get(one.metric, one.metric)}"
    return f"{where}, {names}: {one.hundredths / 100:+.2f}"
