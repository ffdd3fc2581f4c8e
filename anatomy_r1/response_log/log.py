"""Response log: one row a response, written as it is made; the resume point of an evaluation and the source of scores.

A SQLite file in WAL mode, so that what was committed survives kill -9. A response's key covers all that can change it:
another prompt, image, weights, sampling argument, repeat or seed is another response.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:       # doctest: +SKIP
    ...     log.add([Response(key=key, text="<answer> B </answer>", finish_reason="stop")])
    ...     log.get([key])[key].text
    '<answer> B </answer>'

Which responses a log has, and where: kept in memory by its one writer, and not in the file.

A digest is random, so an index in the file has a page of its own written anew for nearly every response, to the log and
to its write-ahead log: at 600,000 responses 20 microseconds of processor each, and with the rows themselves in such an
order (format 2) 43, where writing at the end takes 4 (two shared cores, SQLite 3.40.1, 96 responses a transaction).

A new response log, there whole or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import whole_file
from anatomy_r1.locks import FileLock
from anatomy_r1.response_log.damage import damage_error
from anatomy_r1.response_log.response import COLUMNS, KINDS, Response, ResponseKey
from anatomy_r1.response_log.sqlite_file import (
    CHECKED_COLUMNS,
    as_response,
    connect,
    is_damage,
    is_foreign,
    place_column,
    reading_error,
    run_name,
    writing_error,
)

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


CHUNK = 10_000
"""Responses in memory at a time, where a whole log is copied."""
INSERT = f"INSERT INTO responses VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"


class ResponseLog:
    """A response log, open for writing by this process alone, or for reading beside a writer.

    Raises:
        AnatomyR1Error: when another process writes it, or the file is no response log of this version.
    """

    def __init__(self, path: Path, *, read_only: bool = False, wait: float = 0.0) -> None:
        """Open `path`; `wait`: seconds to wait for another writer before refusing."""
        self.path = path
        self._lock: FileLock | None = None
        self._known: LogIndex | None = None
        if read_only and not path.is_file():
            raise AnatomyR1Error(f"{path}: no such response log. Fix: run `anatomy-r1 evaluate` with --log {path}")
        if not read_only:
            self._lock = _lock(path, wait)
        try:
            self._db = connect(path, read_only)
        except (sqlite3.Error, AnatomyR1Error) as error:
            self._release()
            damaged = isinstance(error, sqlite3.Error) and is_damage(error) and not is_foreign(error)
            raise (damage_error if damaged else reading_error)(path, error) from error

    def add(self, responses: Sequence[Response]) -> None:
        """Commit responses together; one that is already there, text and all, is left as it is.

        Raises:
            AnatomyR1Error: when a key is there with another text, or the log cannot be written; nothing is kept then.
        """
        new: dict[str, Response] = {}
        with self._sound(writing=True):
            index = self._index()
            for response in responses:
                digest = response.key.digest
                if digest in index:
                    self._check_same(self.get([response.key])[response.key], response)
                else:
                    self._check_same(new.setdefault(digest, response), response)
            with self._db:
                self._db.executemany(INSERT, [_row(digest, response) for digest, response in new.items()])
        index.add(list(new))

    def _check_same(self, logged: Response, response: Response) -> None:
        if logged.text != response.text:
            key = response.key
            raise AnatomyR1Error(
                f"{self.path}: question {key.question_id}, {key.decoding} {key.repeat} is logged with another text. "
                "Fix: the engine is not deterministic or two runs were mixed: start a new --log"
            )

    def get(self, keys: Iterable[ResponseKey]) -> dict[ResponseKey, Response]:
        """Those of `keys` that are logged.

        Raises:
            AnatomyR1Error: when the file is damaged; says how much of it can be read.
        """
        with self._sound():
            index = self._index()
        found, places = {}, index.places(dict.fromkeys(key.digest for key in keys))
        for start in range(0, len(places), 500):  # SQLite bounds the number of parameters
            part = places[start : start + 500]
            for response in self._select(f"WHERE {index.column} IN ({', '.join('?' * len(part))})", part):
                found[response.key] = response
        return found

    def _index(self) -> LogIndex:
        """The writer's own, read once; a reader's, anew, because of what a writer may have added."""
        if self._known is None:
            index = LogIndex(self._db)
            self._known = index if self._lock else None
            return index
        return self._known

    def rows(self) -> Iterator[Response]:
        """All responses, in the order of their keys (so that the order of writing does not show).

        Raises:
            AnatomyR1Error: as `get`.
        """
        return self._select("ORDER BY benchmark, question_id, decoding, repeat, digest")

    def _select(self, which: str, values: Sequence[Place] = ()) -> Iterator[Response]:
        with self._sound():
            for row in self._db.execute(f"SELECT {CHECKED_COLUMNS} FROM responses {which}", values):
                response = as_response(row)
                if response is None:
                    raise damage_error(self.path, f"the row of question {str(row[1])[:80]!r} is not as it was written")
                yield response

    def add_run(self, plan: dict[str, object]) -> str:
        """Note what a run asks for; returns its name, 8 hex digits of the plan."""
        text = json.dumps(plan, sort_keys=True)
        self.add_plans([text])
        return run_name(text)

    def add_plans(self, plans: Sequence[str]) -> None:
        """Note plans, as JSON."""
        with self._sound(writing=True), self._db:
            self._db.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?)", [(run_name(plan), plan) for plan in plans])

    def runs(self) -> dict[str, dict[str, object]]:
        """Plans by run name, in the order in which they were first started."""
        return {run_name(plan): json.loads(plan) for plan in self.plans()}

    def plans(self) -> list[str]:
        """Plans as JSON, as they were noted, in that order.

        Raises:
            AnatomyR1Error: when one is not as it was written.
        """
        with self._sound():
            found = dict(self._db.execute("SELECT name, plan FROM runs ORDER BY rowid").fetchall())
        if changed := [name for name, plan in found.items() if name != run_name(str(plan))]:
            raise damage_error(self.path, f"the plan of run {changed[0]!r} is not as it was written")
        return list(found.values())

    def count(self) -> int:
        """How many responses it holds."""
        with self._sound():
            return int(self._db.execute("SELECT COUNT(*) FROM responses").fetchone()[0])

    @contextmanager
    def _sound(self, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_damage(error):
                raise damage_error(self.path, error) from error
            raise (writing_error if writing else reading_error)(self.path, error) from error

    def export(self, path: Path) -> None:
        """Write all responses as one Parquet file (temporary name, then rename).

        Raises:
            AnatomyR1Error: when the log is damaged, or the file cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}
        schema = pa.schema([(name, kinds[KINDS[name]]) for name in COLUMNS])
        try:
            with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
                rows = (dict(zip(COLUMNS, response.values, strict=True)) for response in self.rows())
                while part := list(islice(rows, CHUNK)):
                    writer.write_table(pa.Table.from_pylist(part, schema))
        except OSError as error:
            raise AnatomyR1Error(f"{path}: cannot be written ({error}). Fix: see to space and rights") from error

    def close(self) -> None:
        """Close the file and let the next writer in."""
        self._db.close()
        self._release()

    def _release(self) -> None:
        if self._lock:
            self._lock.release()

    def __enter__(self) -> ResponseLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _row(digest: str, response: Response) -> tuple[object, ...]:
    return (digest, *response.values, response.checksum)


def _lock(path: Path, wait: float) -> FileLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path.with_name(path.name + ".lock"), wait=wait)
    except OSError as error:
        raise writing_error(path, error) from error


@contextmanager
def new_log(path: Path) -> Iterator[ResponseLog]:
    """A log under a temporary name, renamed at the end; what an earlier run left under that name is thrown away.

    Raises:
        AnatomyR1Error: when `path` is there already.
    """
    if path.exists():
        raise AnatomyR1Error(f"{path}: is there already. Fix: name a file that is not")
    temporary = path.with_name(path.name + ".tmp")
    _discard(temporary)
    try:
        with ResponseLog(temporary) as log:
            yield log
        temporary.replace(path)
    finally:
        _discard(temporary)


def _discard(temporary: Path) -> None:
    for ending in ("", ".lock", "-wal", "-shm"):
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.with_name(temporary.name + ending).unlink()
