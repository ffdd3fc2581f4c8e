"""Copies of logs: what is whole in a damaged one (salvage), and one log made of several (merge)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.damage import readable
from anatomy_r1.response_log.log import CHUNK, ResponseLog, new_log


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was kept."""

    responses: int
    runs: int


def salvage(damaged: Path, new: Path) -> Salvaged:
    """Write what is whole in `damaged` to `new`; `damaged` is left as it is.

    Raises:
        AnatomyR1Error: when `new` is there already, or nothing can be read.
    """
    from anatomy_r1.response_log.log import new_log

    with new_log(new) as log:
        try:
            responses, plans = readable(damaged)
        except (sqlite3.Error, AnatomyR1Error) as error:
            raise AnatomyR1Error(f"{damaged}: nothing can be read ({error}). Cure: start a new --log") from error
        log.add(responses)
        log.add_plans(plans)
    return Salvaged(len(responses), len(plans))


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merged log holds."""

    responses: int
    runs: int


def merge(logs: Sequence[Path], new: Path) -> Merged:
    """Write all responses and runs of `logs` to `new`, whole or not at all; `logs` are left as they are.

    Raises:
        AnatomyR1Error: when `new` is there already, a log cannot be read, or two logs have another text under one key.
    """
    with ExitStack() as stack:
        whole = stack.enter_context(new_log(new))
        parts = [stack.enter_context(ResponseLog(log, read_only=True)) for log in logs]
        for part in parts:
            _copy(part, whole)
        return Merged(whole.count(), len(whole.runs()))


def _copy(part: ResponseLog, whole: ResponseLog) -> None:
    rows = part.rows()
    while chunk := list(islice(rows, CHUNK)):
        try:
            whole.add(chunk)
        except AnatomyR1Error as error:
            raise AnatomyR1Error(f"{part.path} disagrees with a log named before it: {error}") from error
    whole.add_plans(part.plans())
