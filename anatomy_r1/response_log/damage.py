"""What can still be read of a damaged response log, and a new log made of it.

Example:
    >>> salvage(Path("log.sqlite"), Path("saved.sqlite"))       # doctest: +SKIP
    Salvaged(responses=29871, runs=1)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.response import Response
from anatomy_r1.response_log.sqlite_file import CHECKED_COLUMNS, as_response, connect, place_column, run_name

STRETCH = 16
"""Rows that are looked for together in a damaged log (ours)."""
LEAST_ROW = 64
"""Bytes that a row has at the very least: its digest and its checksum have 48."""


def damage_error(path: Path, reason: object) -> AnatomyR1Error:
    """That a log is damaged, how much of it can be read, and what to do."""
    with suppress(sqlite3.Error, AnatomyR1Error):
        count = len(readable(path)[0])
        saved = path.with_name(f"{path.stem}.salvaged{path.suffix}")
        return AnatomyR1Error(
            f"{path}: damaged ({reason}); {count} responses can still be read. Fix: `anatomy-r1 log salvage {path} "
            f"{saved}`, then the same command with that log; evaluate asks for the missing ones only"
        )
    return AnatomyR1Error(f"{path}: damaged ({reason}), and nothing can be read. Fix: start a new --log")


def readable(path: Path) -> tuple[list[Response], list[str]]:
    """Whole responses, and plans of runs; pages that cannot be read are gone around.

    Raises:
        AnatomyR1Error, sqlite3.Error: when not even the first page can be read.
    """
    if not path.is_file():
        raise AnatomyR1Error("no such file")
    db = connect(path, read_only=True, shortened=True)
    try:
        rows = {row[-2]: row for row in _rows(db)}
        plans = {number: str(plan) for number, name, plan in _runs(db) if name == run_name(str(plan))}
    finally:
        db.close()
    found = (as_response(rows[digest]) for digest in sorted(rows, key=str))
    return [response for response in found if response], [plans[number] for number in sorted(plans)]


def _rows(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """In stretches: a bad page costs what lies in it, for each stretch is read from both its ends."""
    place = place_column(db)
    where = f"SELECT {CHECKED_COLUMNS} FROM responses WHERE {place} >= ? AND {place} < ? ORDER BY {place}"
    for first, end in _by_number(db) if place == "rowid" else _by_digest():
        yield from _both_ends(db, where, (first, end))


def _by_digest() -> Iterator[tuple[str, str]]:
    for digits in product("0123456789abcdef", repeat=3):
        first = "".join(digits)
        yield first, first + "g"


def _by_number(db: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """Up to as many rows as the file's pages could hold, for the page that says how many there are may be a bad one."""
    (pages,), (size,) = (db.execute(f"PRAGMA page_{name}").fetchone() for name in ("count", "size"))
    return ((first, first + STRETCH) for first in range(1, pages * size // LEAST_ROW + 1, STRETCH))


def _runs(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    return _both_ends(db, "SELECT rowid, name, plan FROM runs ORDER BY rowid", ())


def _both_ends(db: sqlite3.Connection, query: str, values: tuple[str | int, ...]) -> Iterator[tuple[Any, ...]]:
    try:
        yield from db.execute(query, values)
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            yield from db.execute(query + " DESC", values)
