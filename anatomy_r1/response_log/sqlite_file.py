"""The response log as a file: its tables, how it is opened, and what its failures mean."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.response import COLUMNS, KEY_FIELDS, KINDS, Response, ResponseKey

FORMAT_VERSION = 3
"""2 has a checksum in each row: SQLite itself notices bytes overwritten in a text as little as we would. 3 has its rows
in the order of writing, and no index (`anatomy_r1.response_log.log`). A log of format 2 is read and gone on with
as it is, and so is one of format 1, which its next writer makes one of format 2."""
READ_VERSIONS = (2, 3)
CHECKED_COLUMNS = f"{', '.join(COLUMNS)}, digest, checksum"


def connect(path: Path, read_only: bool, shortened: bool = False) -> sqlite3.Connection:
    """Open a log; a new file gets its tables, whole or not at all.

    With `shortened`, a file that lacks pages at its end can be opened to be read.

    Raises:
        AnatomyR1Error: when it is of another format.
        sqlite3.Error: when it cannot be opened.
    """
    db = _open_to_read(path, shortened) if read_only else _open(path, "mode=rwc")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0 and not read_only and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        _make_tables(db)
    elif version == 1:
        _add_checksum(db, read_only)
    elif version not in READ_VERSIONS:
        db.close()
        raise AnatomyR1Error(f"it has format {version}")
    return db


def _open(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=30)


def _open_to_read(path: Path, shortened: bool) -> sqlite3.Connection:
    """Also from a folder that cannot be written, where SQLite misses a file of its own, if no writer left anything."""
    db = _open(path, "mode=ro")
    if shortened:  # this pragma is what keeps SQLite from refusing such a file; nothing is written
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


def _make_tables(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in KINDS.items())
    with db:
        db.execute("BEGIN IMMEDIATE")  # or each statement would commit by itself, and kill -9 leave half a schema
        db.execute(f"CREATE TABLE responses (digest TEXT NOT NULL, {columns}, checksum TEXT NOT NULL)")
        db.execute("CREATE TABLE runs (name TEXT PRIMARY KEY, plan TEXT NOT NULL)")
        db.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def _add_checksum(db: sqlite3.Connection, read_only: bool) -> None:
    """Rows of format 1 have an empty checksum: nothing to check them by."""
    if read_only:
        db.execute("CREATE TEMP VIEW responses AS SELECT *, '' AS checksum FROM main.responses")
        return
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("ALTER TABLE responses ADD COLUMN checksum TEXT NOT NULL DEFAULT ''")
        db.execute("PRAGMA user_version = 2")


def place_column(db: sqlite3.Connection) -> str:
    """The column by which a row is found at once: `rowid`, or `digest` in a log of format 1 or 2."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return "rowid" if version == FORMAT_VERSION else "digest"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's bytes are wrong, rather than its disk or rights."""
    # A text that is no UTF-8 any more comes without a code of its own
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "decode" in str(error)


def is_foreign(error: Exception) -> bool:
    """Whether the file is no log at all, or one of another format."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) == sqlite3.SQLITE_NOTADB


def reading_error(path: Path, error: Exception) -> AnatomyR1Error:
    """Why a log cannot be opened or read, with the fix."""
    if is_foreign(error):
        fix = f"Fix: move it away, or name another --log ({error})"
        return AnatomyR1Error(f"{path}: not a response log of format {FORMAT_VERSION}. {fix}")
    return AnatomyR1Error(f"{path}: cannot be read ({error}). Fix: see to space and rights, then run it again")


def writing_error(path: Path, error: Exception) -> AnatomyR1Error:
    """Why a log cannot be written, with the fix."""
    return AnatomyR1Error(
        f"{path}: cannot be written ({error}). Fix: see to space and rights, then run the same command; "
        "earlier responses are kept"
    )


def as_response(row: tuple[Any, ...]) -> Response | None:
    """A row of `CHECKED_COLUMNS` as a response; None where its bytes are not those that were written."""
    *values, digest, stated = row
    response = Response(ResponseKey(*values[: len(KEY_FIELDS)]), *values[len(KEY_FIELDS) :])
    try:
        whole = response.key.digest == digest and stated in ("", response.checksum)
    except TypeError:  # bytes where a text was
        return None
    return response if whole else None


def run_name(plan: str) -> str:
    """A run's name: 8 hex digits of its plan."""
    return hashlib.sha256(plan.encode()).hexdigest()[:8]
