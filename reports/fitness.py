"""Which results are unfit to be compared, as their provenance has it (`anatomy_r1.gates`), and how a table says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anatomy_r1.results import Result
from reports.names import benchmark_title, method_title, model_title
from reports.scores import Group, group_of

MARK = " (unfit)"
"""Behind the name of a row of which at least one run is unfit."""


def unfit(results: Iterable[Result]) -> frozenset[Group]:
    """Groups with at least one unfit run; results of before the gates say nothing and are none."""
    return frozenset(group_of(result) for result in results if _reasons(result))


def unfit_notes(results: Iterable[Result]) -> tuple[str, ...]:
    """A note on each unfit run: which one, and what the gates found."""
    ordered = sorted(results, key=lambda result: result.key)
    return tuple(f"Unfit: {_name(result)}: {'; '.join(_reasons(result))}." for result in ordered if _reasons(result))


def _name(result: Result) -> str:
    title, method = benchmark_title(result.benchmark), method_title(result.method, result.arm)
    return f"{title}, {model_title(result.model, paper_beside=False)}, {method}, seed {result.seed}"


def _reasons(result: Result) -> Sequence[str]:
    """A store may hold anything there: what is no list of reasons is one, shown as it is."""
    stated = result.provenance.get("unfit") or []
    return [str(one) for one in stated] if isinstance(stated, list) else [str(stated)]
