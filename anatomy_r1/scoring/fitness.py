"""Fitness: one answer, for every command and report, to whether a run's numbers may be used.

Fitness is decided when responses are scored (`anatomy_r1.scoring.validity`) and stored with the result. A result that
states none, such as one from an older store or a reference file, is judged by its question table: the shares of its
responses that were cut off and that could not be read, with the same limits. Whether its five responses are one text is
then not known.

Two runs whose order the choice of extractor turns are each fit, but say little about which one is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from anatomy_r1.scoring.intervals import ROUNDING
from anatomy_r1.scoring.lenient import LENIENT_PARSED
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import table_metrics
from anatomy_r1.scoring.score import Scores
from anatomy_r1.scoring.validity import MAX_TRUNCATED, MAX_UNPARSED, validity_problems

MARK = " (unfit)"
"""Behind the name of a system of which at least one run is unfit."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether a run's numbers may be used."""

    reasons: tuple[str, ...]
    """What speaks against it; empty for a fit run."""
    recorded: bool
    """Whether all checks were made, when the responses were scored; else those that a question table allows."""

    @property
    def word(self) -> str:
        """For a table: `fit`, `UNFIT`, or that only the question table is known."""
        if self.reasons:
            return "UNFIT"
        return "fit" if self.recorded else "fit by its question table"


NOT_RECORDED = Fitness((), recorded=False)


def scored_fitness(scores: Scores) -> Fitness:
    """The fitness of responses that are scored now."""
    return Fitness(validity_problems(scores), recorded=True)


def stored_fitness(recorded: Any, table: pd.DataFrame) -> Fitness:
    """The fitness of a stored result: the reasons `recorded` with it or, if it states none, those that its table shows.

    An empty list says that all checks were made. A store may hold any value; one that is no list counts as one reason.
    """
    if recorded is None:
        return Fitness(tuple(_table_problems(table)), recorded=False)
    return Fitness(tuple(map(str, recorded if isinstance(recorded, list) else [recorded])), recorded=True)


def reservations(unfit: Iterable[str], benchmark: str, order: str) -> tuple[str, ...]:
    """What must be read before a verdict: a line for each unfit run, and the order that the extractor turns, if any."""
    turned = [f"ORDER TURNS WITH THE EXTRACTOR: {benchmark}, {order}."] if order else []
    return (*(f"UNFIT: {line}." for line in unfit), *turned)


def _table_problems(table: pd.DataFrame) -> Iterator[str]:
    if table.empty:
        return
    shares = table_metrics(table)
    unparsed = 1 - float(shares["parsed"].mean())
    if "truncated" in shares and (truncated := float(shares["truncated"].mean())) > MAX_TRUNCATED + ROUNDING:
        share = f"{100 * truncated:.1f} %"
        yield f"{share} of the sampled responses cut off at the token limit (limit {MAX_TRUNCATED:.0%})"
    if unparsed > MAX_UNPARSED + ROUNDING:
        yield (
            f"{100 * unparsed:.1f} % of the sampled responses without an answer that the strict extractor reads (limit "
            f"{MAX_UNPARSED:.0%})"
        )


def lenient_share(reasons: Any) -> float | None:
    """Share of the sampled responses that the lenient extractor reads, from how often it gave which reason.

    It is shown beside the strict extractor's share, so that a run that fails in form alone is seen to. None if the
    counts are not known; a store may hold any value.
    """
    counts = reasons if isinstance(reasons, Mapping) else {}
    if not counts or not all(isinstance(count, int) and count >= 0 for count in counts.values()):
        return None
    whole = sum(counts.values())
    return sum(count for reason, count in counts.items() if reason in LENIENT_PARSED) / whole if whole else None


@dataclass(frozen=True, slots=True)
class ExtractorBand:
    """Avg@5 of one system by both extractors, in percent: what lies between is form."""

    name: str
    strict: float
    lenient: float


def order_alarm(first: ExtractorBand, second: ExtractorBand) -> str:
    """In words, that the two extractors order two systems differently; empty if they do not.

    Values are compared as printed, with two decimals of a percent.
    """
    if _sign(first.strict, second.strict) == _sign(first.lenient, second.lenient):
        return ""
    return (
        f"Avg@{K}: {first.name} {first.strict:.2f} and {second.name} {second.strict:.2f} with the strict extractor, "
        f"{first.lenient:.2f} and {second.lenient:.2f} with the lenient one"
    )


def _sign(first: float, second: float) -> int:
    return int(np.sign(round(first, 2) - round(second, 2)))
