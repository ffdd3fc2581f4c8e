"""Which responses a log has, and where: kept in memory by its one writer, and not in the file.

A digest is random, so an index in the file has a page of its own written anew for nearly every response, to the log and
to its write-ahead log: at 600,000 responses 20 microseconds of processor each, and with the rows themselves in such an
order (format 2) 43, where writing at the end takes 4 (two shared cores, SQLite 3.40.1, 96 responses a transaction).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from anatomy_r1.response_log.sqlite_file import place_column

Place = int | str


class LogIndex:
    """Digest -> the place of its row. About 150 bytes a response.

    Raises:
        sqlite3.Error: when the log cannot be read.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        """Read all digests."""
        self.column = place_column(db)
        """What a place is compared with."""
        self._last, self._places = 0, dict[bytes, Place]()
        for place, digest in db.execute(f"SELECT {self.column}, digest FROM responses"):
            self._places[_short(digest)] = place
        if self.column == "rowid":
            (self._last,) = db.execute("SELECT ifnull(max(rowid), 0) FROM responses").fetchone()

    def places(self, digests: Iterable[str]) -> list[Place]:
        """Places of those that the log has."""
        found = (self._places.get(_short(digest)) for digest in digests)
        return [place for place in found if place is not None]

    def __contains__(self, digest: str) -> bool:
        return _short(digest) in self._places

    def add(self, digests: Sequence[str]) -> None:
        """Note rows that were written, in the order of writing: SQLite numbers them on from the last."""
        for digest in digests:
            self._last += 1
            self._places[_short(digest)] = self._last if self.column == "rowid" else digest


def _short(digest: str) -> bytes:
    try:
        return bytes.fromhex(digest)
    except (TypeError, ValueError):  # damaged, so nobody asks for it
        return repr(digest).encode()
