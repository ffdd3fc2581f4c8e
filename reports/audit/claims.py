"""The paper's claims as data (`claims.csv`), in our own words, and what a claim that compares says about the tables.

Kinds: `row` (a row of a table), `quoted` (figures in a sentence; `evidence` lists them by their ids in `prose.csv`),
`higher` (each method in `left` beats each in `right`), `gain` (the gain of `left` over `right` is larger on the first
model than on the second), `uneven` (some categories gain, others do not), `curve` (a statement about training), and
`words` (anything else). `*` stands for all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal, get_args

from anatomy_r1.errors import AnatomyR1Error
from reports.audit.cells import Address
from reports.scores.names import BENCHMARKS, METRICS, MODELS

FILE = Path(__file__).with_name("claims.csv")

Kind = Literal["row", "quoted", "higher", "gain", "uneven", "curve", "words"]
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
    """Where it stands in the paper."""
    kind: Kind
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
class Printed:
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
        AnatomyR1Error: when an id stands twice, or a kind or quantifier is not known.
    """
    found: dict[str, Claim] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), start=2):
            if row["id"] in found or row["kind"] not in get_args(Kind) or row["quantifier"] not in get_args(Quantifier):
                raise AnatomyR1Error(f"{path.name}:{line}: id twice, or no such kind or quantifier. Fix: correct it")
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


def printed(claim: Claim, cells: Mapping[Address, int]) -> tuple[Printed, ...]:
    """The differences that a claim of kind `higher` or `gain` is about; where a cell is missing there is none."""
    if claim.kind == "gain":
        return tuple(_gains(claim, cells))
    if claim.kind != "higher":
        return ()
    found = (
        Printed(*where, left, right, value)
        for where in product(claim.models, claim.benchmarks, claim.metrics)
        for left, right in product(claim.left, claim.right)
        if (value := _difference(cells, where, left, right)) is not None
    )
    return tuple(found)


def holds(claim: Claim, found: tuple[Printed, ...]) -> bool:
    """Whether the printed numbers, taken as they are, bear the claim out."""
    held = sum(one.hundredths > 0 for one in found)
    return 2 * held > len(found) if claim.quantifier == "most" else held == len(found)


def _gains(claim: Claim, cells: Mapping[Address, int]) -> Iterator[Printed]:
    first, second = claim.models
    for benchmark, metric, left, right in product(claim.benchmarks, claim.metrics, claim.left, claim.right):
        a, b = (_difference(cells, (model, benchmark, metric), left, right) for model in (first, second))
        if a is not None and b is not None:
            yield Printed(f"{first} against {second}", benchmark, metric, left, right, a - b)


def _difference(cells: Mapping[Address, int], where: tuple[str, str, str], left: str, right: str) -> int | None:
    """Of two methods by (model, benchmark, metric), from the one table that has both."""
    model, benchmark, metric = where
    for table in (1, 2):
        a, b = (cells.get((table, model, method, benchmark, metric)) for method in (left, right))
        if a is not None and b is not None:
            return a - b
    return None
