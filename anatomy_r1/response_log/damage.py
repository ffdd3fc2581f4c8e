"""Recovery of what is still readable in a damaged response log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.response import Response
from anatomy_r1.response_log.sqlite_file import CHECKED_COLUMNS, connect, response_from_row, run_name

STRETCH = 16
"""Rows that are read together (our choice)."""
MIN_ROW_BYTES = 64
"""Lower bound of a row's size: digest and checksum alone take 48."""


def damage_error(path: Path, reason: object) -> AnatomyR1Error:
    """The error for a damaged log: how much of it is readable, and the fix."""
    with suppress(sqlite3.Error, AnatomyR1Error):
        count = len(recover(path)[0])
        saved = path.with_name(f"{path.stem}.salvaged{path.suffix}")
        return AnatomyR1Error(
            f"{path}: damaged ({reason}); {count} responses can still be read. Fix: `anatomy-r1 log salvage {path} "
            f"{saved}`, then the same command with that log; evaluate generates only the missing responses"
        )
    return AnatomyR1Error(f"{path}: damaged ({reason}), and nothing can be read. Fix: start a new --log")


def recover(path: Path) -> tuple[list[Response], list[str]]:
    """Intact responses and the plans of runs; pages that cannot be read are skipped.

    Raises:
        AnatomyR1Error, sqlite3.Error: when even the first page cannot be read.
    """
    if not path.is_file():
        raise AnatomyR1Error("no such file")
    db = connect(path, read_only=True, truncated=True)
    try:
        rows = {row[-2]: row for row in _rows(db)}
        runs = _from_both_ends(db, "SELECT rowid, name, plan FROM runs ORDER BY rowid", ())
        plans = {number: str(plan) for number, name, plan in runs if name == run_name(str(plan))}
    finally:
        db.close()
    responses = (response_from_row(rows[digest]) for digest in sorted(rows, key=str))
    return [response for response in responses if response], [plans[number] for number in sorted(plans)]


def _rows(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Rows in short stretches, so that a bad page costs only the rows in it.

    Row numbers go up to what the file's pages could hold, since the page with the true number may be damaged.
    """
    (pages,), (size,) = (db.execute(f"PRAGMA page_{name}").fetchone() for name in ("count", "size"))
    query = f"SELECT {CHECKED_COLUMNS} FROM responses WHERE rowid >= ? AND rowid < ? ORDER BY rowid"
    for first in range(1, pages * size // MIN_ROW_BYTES + 1, STRETCH):
        yield from _from_both_ends(db, query, (first, first + STRETCH))


def _from_both_ends(db: sqlite3.Connection, query: str, values: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows up to the first one that cannot be read, then from the last one backwards."""
    try:
        yield from db.execute(query, values)
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            yield from db.execute(query + " DESC", values)
