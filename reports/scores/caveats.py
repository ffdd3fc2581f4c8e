"""What the certificates of results say (`anatomy_r1.training.certificate`), and how a row of which one failed is
marked.

A result without a certificate, from before there were any, has not failed: that it has none is said below the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from anatomy_r1.training.certificate.value import Certificate, Check, failed, from_dict
from reports.scores.names import BASELINE, result_title
from reports.scores.scores import Group, group_of

MARK = " (certificate failed)"
"""Behind the name of a row of which at least one training failed a check."""


def failures(results: Sequence[Result]) -> dict[str, tuple[Check, ...]]:
    """Key of a result -> the checks that it failed, by itself or beside the other methods of its table.

    Raises:
        AnatomyR1Error: when a certificate is there and cannot be read.
    """
    own = {result.key: found.failed for result in results if (found := certificate(result))}
    beside = _unequal(results)
    every = {key: (*checks, *beside.get(key, ())) for key, checks in own.items()}
    return {key: checks for key, checks in every.items() if checks}


def certificate(result: Result) -> Certificate | None:
    """That of the training behind a result; None where there is none, or nothing was trained."""
    stated = result.provenance.get("certificate")
    if stated is None:
        return None
    try:
        return from_dict(stated)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        cure = "delete the result and run the cell again"
        raise AnatomyR1Error(f"{result.key}: its certificate cannot be read ({error}); {cure}") from error


def _unequal(results: Iterable[Result]) -> dict[str, tuple[Check, ...]]:
    """Results whose own budget is not GRPO's: steps, and completions that a step learns from."""

    def place(result: Result) -> tuple[str, str, str, int]:
        return (result.benchmark, result.model, result.arm, result.seed)

    found: dict[str, tuple[Check, ...]] = {}
    for _, cells in groupby(sorted(results, key=place), key=place):
        facts = [(cell, one.facts) for cell in cells if (one := certificate(cell)) and _samples(one)]
        wanted = next((fact for cell, fact in facts if cell.method == BASELINE), None)
        for cell, fact in facts:
            if wanted is not None and (told := _budget(fact)) != _budget(wanted):
                found[cell.key] = (failed("budget", f"{told}; GRPO beside it: {_budget(wanted)}"),)
    return found


def _samples(found: Certificate) -> bool:
    return found.facts.get("invalid_gradients") is not None


def _budget(facts: Mapping[str, object]) -> str:
    return f"{facts.get('steps')} steps of {facts.get('completions')}"


def certificate_marks(results: Sequence[Result]) -> dict[Group, str]:
    """Group -> the mark, where a check of any of its seeds failed."""
    wrong = failures(results)
    return {group_of(result): MARK for result in results if result.key in wrong}


def certificate_notes(results: Sequence[Result]) -> tuple[str, ...]:
    """A note on each failed check, then one on how many results have a certificate at all."""
    named = {result.key: result for result in results}
    wrong = failures(results)
    lines = [
        f"Certificate failed: {result_title(named[key])}: {check.name}: {check.detail}."
        for key in sorted(wrong)
        for check in wrong[key]
    ]
    return (*lines, *_count(results, len(wrong)))


def _count(results: Sequence[Result], wrong: int) -> tuple[str, ...]:
    """Nothing is said of a store without any trained result."""
    trained = [result for result in results if result.provenance.get("training") is not None]
    if not trained:
        return ()
    have = sum(certificate(result) is not None for result in trained)
    return (
        f"Certificates (docs/certificates.md): {have} of {len(trained)} trained results have one, {wrong} failed, "
        f"{len(trained) - have} have no certificate (stored before there were any).",
    )
