"""Comparisons in the paper's words ("consistently", "most", best of a column) against its own tables, as printed.

Cells that two of the paper's tables print: do they agree?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from anatomy_r1.tables.table import prose_table
from reports.audit.cells import Cell, Cells, by_address
from reports.audit.claims import Claim, Printed, holds, printed
from reports.audit.finding import Check, Finding
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
        tables=(
            prose_table(
                "Claims that compare", ("claim", "in our words", "differences that bear it out", "holds"), rows
            ),
        ),
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


def check_same_everywhere(cells: Cells) -> Check:
    """Cells of the same model, method, benchmark and metric."""
    groups: dict[tuple[str, str, str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.address[1], cell.address[2], cell.address[3], cell.address[4]].append(cell)
    twice = [group for group in groups.values() if len(group) > 1]
    apart = [group for group in twice if len({cell.hundredths for cell in group}) > 1]
    return Check(
        id="twice",
        title="Cells that stand in two tables",
        looked_at=f"{len(twice)} cells that Tables 1 and 2 both have; {len(twice) - len(apart)} agree",
        findings=tuple(_unequal(group) for group in apart),
    )


def _unequal(group: list[Cell]) -> Finding:
    figures = "; ".join(f"{cell.name}: {cell.shown}" for cell in group)
    return Finding(
        id=f"twice.{'-'.join(group[0].address[2:])}",
        title="One result, two numbers",
        test="The same model, method, benchmark and metric in two tables.",
        figure=f"{figures}.",
        strength="counted",
        limits="Which one is right; they may be from two runs.",
        question="Are these one run or two?",
    )
