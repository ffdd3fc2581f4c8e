"""Which results are unfit to be compared, by their provenance, and how a table says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anatomy_r1.results.store import Result
from reports.scores.names import result_title
from reports.scores.scores import Group, group_of

MARK = " (unfit)"
"""Behind the name of a row of which at least one run is unfit."""


def unfit(results: Iterable[Result]) -> frozenset[Group]:
    """Groups with at least one unfit run; results of before the gates say nothing and are none."""
    return frozenset(group_of(result) for result in results if reasons(result))


def unfit_notes(results: Iterable[Result]) -> tuple[str, ...]:
    """A note on each unfit run: which one, and what the gates found."""
    ordered = sorted(results, key=lambda result: result.key)
    return tuple(
        f"Unfit: {result_title(result)}: {'; '.join(reasons(result))}." for result in ordered if reasons(result)
    )


def reasons(result: Result) -> Sequence[str]:
    """What speaks against a result. A store may hold anything there: what is no list of reasons is one, as it is."""
    found = result.provenance.get("unfit") or []
    return [str(one) for one in found] if isinstance(found, list) else [str(found)]
