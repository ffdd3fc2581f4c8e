"""The response log as a SQLite file: its tables, how it is opened and verified, and the recovery of a damaged one."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.below import meant
from anatomy_r1.response_log.response import COLUMN_TYPES, COLUMNS, KEY_FIELDS, Response, ResponseKey

FORMAT_VERSION = 4
"""Every row has a checksum, because SQLite does not notice bytes that were overwritten inside a text. From format 4 on,
rows also have reasoning that was kept apart, raw text and tokens."""
STRETCH = 16
"""Rows that are read together (our choice)."""
MIN_ROW_BYTES = 64
"""Lower bound of a row's size: digest and checksum alone take 48."""
CHECKED_COLUMNS = f"{', '.join(COLUMNS)}, digest, checksum"
PROVENANCE, FRAMES = "provenance", "frames"
"""Tables of entries as JSON, each with its run and a checksum; a log has each from its first entry on."""


def connect(path: Path, read_only: bool, truncated: bool = False) -> sqlite3.Connection:
    """Open a log; a new file gets its tables atomically.

    With `truncated`, a file that lacks pages at its end can be opened for reading.
    """
    db = _open_for_reading(path, truncated) if read_only else _open(path, "mode=rwc")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0 and not read_only and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        _create_tables(db)
    elif version != FORMAT_VERSION:
        db.close()
        raise AnatomyR1Error(f"it has format {version}")
    return db


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=30)


def _open_for_reading(path: Path, truncated: bool) -> sqlite3.Connection:
    """Also works in a read-only folder, where SQLite cannot create its `-shm` file, if no write is pending."""
    db = _open(path, "mode=ro")
    if truncated:  # with this pragma SQLite does not refuse such a file; nothing is written
        db.execute("PRAGMA writable_schema = ON")
    try:
        db.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError as error:
        pending = path.with_name(path.name + "-wal")
        if error.sqlite_errorcode != sqlite3.SQLITE_CANTOPEN or (pending.exists() and pending.stat().st_size):
            raise
        db.close()
        return _open(path, "immutable=1")
    return db


def _create_tables(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in COLUMN_TYPES.items())
    with db:
        db.execute("BEGIN IMMEDIATE")  # otherwise each statement commits by itself, and kill -9 leaves half a schema
        db.execute(f"CREATE TABLE responses (digest TEXT NOT NULL, {columns}, checksum TEXT NOT NULL)")
        db.execute("CREATE TABLE runs (name TEXT PRIMARY KEY, plan TEXT NOT NULL)")
        db.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def response_from_row(row: tuple[Any, ...]) -> Response | None:
    """The response in a row of `CHECKED_COLUMNS`; None when the row differs from what was written."""
    *values, digest, checksum = row
    response = Response(ResponseKey(*values[: len(KEY_FIELDS)]), *values[len(KEY_FIELDS) :])
    try:
        intact = response.key.digest == digest and response.checksum == checksum
    except TypeError:  # bytes in place of a text
        return None
    return response if intact else None


def run_name(plan: str) -> str:
    """A run's name: the first 8 hex digits of its plan's SHA-256."""
    return hashlib.sha256(plan.encode()).hexdigest()[:8]


def write_entries(db: sqlite3.Connection, table: str, entries: Sequence[tuple[str, str]]) -> None:
    """Add to a table of entries what is not there yet."""
    rows = [(run, entry, entry_checksum(run, entry)) for run, entry in entries]
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} (run TEXT, entry TEXT, checksum TEXT PRIMARY KEY)")
        db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)", rows)


def read_entries(db: sqlite3.Connection, table: str) -> list[tuple[Any, Any, Any]]:
    """Rows of run, entry and checksum, in the order in which they were written."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return []
    return db.execute(f"SELECT run, entry, checksum FROM {table} ORDER BY rowid").fetchall()


def entry_checksum(run: object, entry: object) -> str:
    """16 hex digits over an entry and its run."""
    return hashlib.sha256(f"{run}\0{entry}".encode()).hexdigest()[:16]


def is_sqlite(path: Path) -> bool:
    """Whether a file begins as a database of SQLite does."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the content of the file is wrong, rather than its disk or permissions."""
    # Text that is no longer valid UTF-8 has no error code of its own
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "decode" in str(error)


def is_foreign(error: Exception) -> bool:
    """Whether the file is not a response log, or has another format."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) == sqlite3.SQLITE_NOTADB


def reading_error(path: Path, error: Exception) -> AnatomyR1Error:
    """Why a log cannot be opened or read, with the fix."""
    if is_foreign(error):
        return AnatomyR1Error(f"{path}: not a response log of format {FORMAT_VERSION}. Fix: {meant(path)} ({error})")
    return AnatomyR1Error(f"{path}: cannot be read ({error}). Fix: check disk space and permissions, then run it again")


def writing_error(path: Path, error: Exception) -> AnatomyR1Error:
    """Why a log cannot be written, with the fix."""
    return AnatomyR1Error(
        f"{path}: cannot be written ({error}). Fix: check disk space and permissions, then run the same command; "
        "earlier responses are kept"
    )


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
    """Intact responses and the plans of runs; an error only if not even the first page can be read."""
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


def recover_entries(path: Path, table: str) -> list[tuple[str, str]]:
    """The intact entries of a damaged log, as run and JSON; none where the table itself is lost."""
    with suppress(sqlite3.Error, AnatomyR1Error):
        db = connect(path, read_only=True, truncated=True)
        try:
            query = f"SELECT rowid, run, entry, checksum FROM {table} ORDER BY rowid"
            rows = {row[0]: row[1:] for row in _from_both_ends(db, query, ())}
        finally:
            db.close()
        found = (rows[number] for number in sorted(rows))
        return [(run, entry) for run, entry, checksum in found if checksum == entry_checksum(run, entry)]
    return []


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
