"""Copies of response logs: the intact part of a damaged log (salvage), and one log made of several (merge).

Example:
    >>> salvage(Path("log.sqlite"), Path("saved.sqlite"))                                   # doctest: +SKIP
    Copied(responses=29871, runs=1)
    >>> merge([Path("part1.sqlite"), Path("part2.sqlite")], Path("whole.sqlite"))          # doctest: +SKIP
    Copied(responses=6000, runs=1)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.damage import recover
from anatomy_r1.response_log.log import CHUNK, ResponseLog, new_log


@dataclass(frozen=True, slots=True)
class Copied:
    """Contents of the new log."""

    responses: int
    runs: int


def salvage(damaged: Path, new: Path) -> Copied:
    """Write the intact part of `damaged` to `new`; `damaged` is not changed.

    Raises:
        AnatomyR1Error: when `new` exists already, or nothing can be read.
    """
    with new_log(new) as log:
        try:
            responses, plans = recover(damaged)
        except (sqlite3.Error, AnatomyR1Error) as error:
            raise AnatomyR1Error(f"{damaged}: nothing can be read ({error}). Fix: start a new --log") from error
        log.add(responses)
        log.add_plans(plans)
    return Copied(len(responses), len(plans))


def merge(logs: Sequence[Path], new: Path) -> Copied:
    """Write all responses and runs of `logs` to `new` atomically; `logs` are not changed.

    Raises:
        AnatomyR1Error: when `new` exists already, a log cannot be read, or two logs have different texts under one key.
    """
    with ExitStack() as stack:
        whole = stack.enter_context(new_log(new))
        parts = [stack.enter_context(ResponseLog(log, read_only=True)) for log in logs]
        for part in parts:
            _copy(part, whole)
        return Copied(whole.count(), len(whole.runs()))


def _copy(part: ResponseLog, whole: ResponseLog) -> None:
    rows = part.rows()
    while chunk := list(islice(rows, CHUNK)):
        try:
            whole.add(chunk)
        except AnatomyR1Error as error:
            raise AnatomyR1Error(f"{part.path} disagrees with a log named before it: {error}") from error
    whole.add_plans(part.plans())
