"""The paper's claims as data (`claims.csv`), in our own words, and whether its tables support those that compare.

Kinds: `row` (a row of a table), `quoted` (figures in a sentence; `evidence` lists them by their ids in `prose.csv`),
`higher` (each method in `left` beats each in `right`), `gain` (the gain of `left` over `right` is larger on the first
model than on the second), `uneven` (some categories gain, others do not), `curve` (a statement about training), and
`words` (anything else). `*` means all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal, get_args

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import prose_table
from reports.audit.cells import CellAddress, PaperCells, by_address
from reports.audit.finding import Check, Finding
from reports.scores.names import BENCHMARKS, METRICS, MODELS, TITLES

FILE = Path(__file__).with_name("claims.csv")

ClaimKind = Literal["row", "quoted", "higher", "gain", "uneven", "curve", "words"]
Quantifier = Literal["all", "most", ""]
_EVERY = {
    "models": tuple(sorted({model.paper for model in MODELS.values()})),
    "benchmarks": tuple(BENCHMARKS),
    "metrics": tuple(METRICS),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim."""

    id: str
    locator: str
    """Where it is made in the paper."""
    kind: ClaimKind
    text: str
    """In our words."""
    left: tuple[str, ...]
    right: tuple[str, ...]
    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    metrics: tuple[str, ...]
    quantifier: Quantifier
    evidence: tuple[str, ...]
    """Ids of audit findings that bear on it; for `quoted`, ids of figures in `prose.csv`."""
    curves: tuple[str, ...]
    """Statements about training curves that bear on it: figure and name, `5 asc-rises`."""


@dataclass(frozen=True, slots=True)
class PrintedDifference:
    """A difference that a claim is about, in hundredths of a point, as the tables print it."""

    model: str
    benchmark: str
    metric: str
    left: str
    right: str
    hundredths: int
    """Above 0 where the claim holds."""


def load(path: Path = FILE) -> tuple[Claim, ...]:
    """Read the file, in its order.

    Raises:
        AnatomyR1Error: when an id appears twice, or a kind or quantifier is unknown.
    """
    found: dict[str, Claim] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            if (
                row["id"] in found
                or row["kind"] not in get_args(ClaimKind)
                or row["quantifier"] not in get_args(Quantifier)
            ):
                raise AnatomyR1Error(f"{path.name}:{line}: repeated id, or unknown kind or quantifier. Fix: correct it")
            found[row["id"]] = _claim(row)
    return tuple(found.values())


def _claim(row: Mapping[str, str]) -> Claim:
    lists = {
        name: _EVERY[name] if row[name] == "*" else tuple(row[name].split())
        for name in ("models", "benchmarks", "metrics")
    }
    return Claim(
        id=row["id"],
        locator=row["locator"],
        kind=row["kind"],  # type: ignore[arg-type]
        text=row["claim"],
        left=tuple(row["left"].split()),
        right=tuple(row["right"].split()),
        quantifier=row["quantifier"],  # type: ignore[arg-type]
        evidence=tuple(row["evidence"].split()),
        curves=tuple(one.strip() for one in row["curves"].split(";") if one.strip()),
        **lists,
    )


def printed(claim: Claim, cells: Mapping[CellAddress, int]) -> tuple[PrintedDifference, ...]:
    """The differences that a claim of kind `higher` or `gain` is about, without those that lack a cell."""
    if claim.kind == "gain":
        return tuple(_gains(claim, cells))
    if claim.kind != "higher":
        return ()
    found = (
        PrintedDifference(*where, left, right, value)
        for where in product(claim.models, claim.benchmarks, claim.metrics)
        for left, right in product(claim.left, claim.right)
        if (value := _difference(cells, where, left, right)) is not None
    )
    return tuple(found)


def holds(claim: Claim, found: tuple[PrintedDifference, ...]) -> bool:
    """Whether the printed numbers, taken at face value, support the claim."""
    held = sum(one.hundredths > 0 for one in found)
    return 2 * held > len(found) if claim.quantifier == "most" else held == len(found)


def _gains(claim: Claim, cells: Mapping[CellAddress, int]) -> Iterator[PrintedDifference]:
    first, second = claim.models
    for benchmark, metric, left, right in product(claim.benchmarks, claim.metrics, claim.left, claim.right):
        a, b = (_difference(cells, (model, benchmark, metric), left, right) for model in (first, second))
        if a is not None and b is not None:
            yield PrintedDifference(f"{first} against {second}", benchmark, metric, left, right, a - b)


def _difference(cells: Mapping[CellAddress, int], where: tuple[str, str, str], left: str, right: str) -> int | None:
    """Difference of two methods at (model, benchmark, metric), from the table that has both."""
    model, benchmark, metric = where
    for table in (1, 2):
        a, b = (cells.get((table, model, method, benchmark, metric)) for method in (left, right))
        if a is not None and b is not None:
            return a - b
    return None


def check(claims: Sequence[Claim], cells: PaperCells) -> Check:
    """Every claim that compares methods, however small the differences."""
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
            prose_table("Claims that compare", ("claim", "in our words", "differences that support it", "holds"), rows),
        ),
    )


def _finding(claim: Claim, of: Sequence[PrintedDifference]) -> Finding:
    against = [one for one in of if one.hundredths <= 0]
    listed = "; ".join(difference_text(one) for one in against[:8])
    return Finding(
        id=f"statements.{claim.id}",
        title=f"{claim.locator}: the tables support it in {len(of) - len(against)} of {len(of)} cells",
        test=f"Every printed difference that the claim is about ({claim.quantifier} must be above 0): {claim.text}",
        figure=f"Against it: {listed}.",
        strength="counted",
        limits="Whether the sentence is about every metric, or only the one that the next sentences quote. "
        "Differences this small may have either sign by chance.",
        question="Is the sentence about all metrics in the table?",
    )


def difference_text(one: PrintedDifference) -> str:
    """`SGG-VQA (Anatomy), Qwen-2.5-VL-7B, Avg@5, GRPO-GDQA minus SFT: +10.86`."""
    names = f"{TITLES.get(one.left, one.left)} minus {TITLES.get(one.right, one.right)}"
    where = f"{BENCHMARKS.get(one.benchmark, one.benchmark)}, {one.model}, {METRICS.get(one.metric, one.metric)}"
    return f"{where}, {names}: {one.hundredths / 100:+.2f}"
