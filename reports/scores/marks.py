"""What stands behind the name of a row: that it is unfit, that a certificate failed, or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from anatomy_r1.results.store import Result
from reports.scores.caveats import MARK as CERTIFICATE_FAILED
from reports.scores.caveats import certificate_marks
from reports.scores.fitness import MARK as UNFIT
from reports.scores.fitness import unfit
from reports.scores.scores import Group

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
