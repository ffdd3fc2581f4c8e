"""What the certificates of results say (`anatomy_r1.training.certificate`), and how a row of which one failed is
marked.

A result without a certificate, from before there were any, has not failed: that it has none is said below the table.

Which results are unfit to be compared, by their provenance, and how a table says so.

What stands behind the name of a row: that it is unfit, that a certificate failed, or both.

What is not known of results that others made and submitted, as a note below a table.

An alarm where the choice of extractor changes the order of methods: then the order says something about form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, groupby
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import SUBMITTED, Result
from anatomy_r1.scoring.columns import LENIENT
from anatomy_r1.scoring.metrics import K
from anatomy_r1.training.certificate.certificate import Certificate, CertificateCheck, failed, from_dict
from reports.scores.names import BASELINE, benchmark_title, is_view, method_title, model_title, result_title
from reports.scores.scores import ALL, AVG, Group, Key, Score, group_of

CERTIFICATE_FAILED = " (certificate failed)"
"""Behind the name of a row of which at least one training failed a check."""


def failures(results: Sequence[Result]) -> dict[str, tuple[CertificateCheck, ...]]:
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
        fix = "delete the result and run the cell again"
        raise AnatomyR1Error(f"{result.key}: its certificate cannot be read ({error}); {fix}") from error


def _unequal(results: Iterable[Result]) -> dict[str, tuple[CertificateCheck, ...]]:
    """Results whose own budget is not GRPO's: steps, and completions that a step learns from."""

    def place(result: Result) -> tuple[str, str, str, int]:
        return (result.benchmark, result.model, result.arm, result.seed)

    found: dict[str, tuple[CertificateCheck, ...]] = {}
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
    return {group_of(result): CERTIFICATE_FAILED for result in results if result.key in wrong}


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


UNFIT = " (unfit)"
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


Marks = Mapping[Group, str]
"""Group -> its marks; a group without any is not in it."""


def marks(results: Sequence[Result]) -> Marks:
    """The marks of every group that has any."""
    without, failed = unfit(results), certificate_marks(results)
    return {group: (UNFIT if group in without else "") + failed.get(group, "") for group in {*without, *failed}}


def marked(title: str, groups: Iterable[Group], known: Marks) -> str:
    """A row's name, with the marks of the groups that it shows, each once."""
    found = [known[group] for group in groups if group in known]
    return title + "".join(mark for mark in (UNFIT, CERTIFICATE_FAILED) if any(mark in one for one in found))


def submitted_notes(results: Iterable[Result]) -> tuple[str, ...]:
    """A note on each submitted result: where it is from, what is not known of it, and which of its numbers differed."""
    ordered = sorted((one for one in results if one.arm == SUBMITTED), key=lambda result: result.key)
    return tuple(_note(result) for result in ordered)


def _note(result: Result) -> str:
    return f"Submitted: {result_title(result)}: {'; '.join(_facts(result.provenance.get('submitted')))}."


def _facts(recorded: Any) -> Iterator[str]:
    """A store may hold anything there."""
    if not isinstance(recorded, Mapping):
        yield "nothing is known of where it is from"
        return
    yield f"from {recorded.get('kind') or 'a source that is not known'}, scored again from its responses"
    if unknown := _texts(recorded.get("not_known")):
        yield f"not known: {', '.join(unknown)}"
    if differences := _texts(recorded.get("differences")):
        yield f"its own numbers differed: {', '.join(differences)}"


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


Pair = tuple[Group, float, float]
"""A row with its Avg@5 by the strict and by the lenient extractor, in percent as printed."""


def order_alarms(found: Mapping[Key, Score]) -> tuple[str, ...]:
    """A note on each two rows of one benchmark and model whose order by Avg@5 is another by the lenient extractor.

    Values are compared as printed, as the marks of best and second are. Rows without a lenient score are left out, and
    so are views, which compete with nothing.
    """
    pairs = [
        (group, round(found[group, AVG, ALL].percent, 2), round(found[group, LENIENT, ALL].percent, 2))
        for group, metric, category in found
        if metric == LENIENT and category == ALL and not is_view(group.method)
    ]
    ordered = sorted(pairs, key=lambda pair: (pair[0].benchmark, pair[0].model, -pair[1], pair[0].method, pair[0].arm))
    blocks = groupby(ordered, key=lambda pair: (pair[0].benchmark, pair[0].model))
    return tuple(note for _, block in blocks for note in _alarms(list(block)))


def _alarms(block: Sequence[Pair]) -> Iterator[str]:
    """`block` has the best by the strict extractor first."""
    for (first, strict, lenient), (second, below, other) in combinations(block, 2):
        if _sign(strict - below) != _sign(lenient - other):
            one, two = (method_title(group.method, group.arm) for group in (first, second))
            yield (
                f"Alarm: the choice of extractor changes the order of methods. {benchmark_title(first.benchmark)}, "
                f"{model_title(first.model, paper_beside=False)}, Avg@{K}: {one} {strict:.2f} and {two} {below:.2f} by "
                f"the strict extractor, {lenient:.2f} and {other:.2f} by the lenient one."
            )


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)
