"""Response log: one row per response, written as soon as it is generated.

Evaluation resumes from it, and scores are computed from it. It is a SQLite file in WAL mode
(`sqlite_file._create_tables`), so that committed rows survive kill -9. A response's key covers everything that can
change the response: another prompt, image, weights, sampling parameter, repeat or seed is another response.

The file has no index. Digests are random, so an index would rewrite a page for nearly every response (at 600,000
responses 20 microseconds of CPU each, where appending takes 4), and damage to it could hide rows. The one writer keeps
the digests in memory instead, about 180 bytes per response.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:       # doctest: +SKIP
    ...     log.add([Response(key=key, text="<answer> B </answer>", finish_reason="stop")])
    ...     log.get([key])[key].text
    '<answer> B </answer>'
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_file
from anatomy_r1.locks import FileLock
from anatomy_r1.response_log.below import no_log
from anatomy_r1.response_log.frame import Frame
from anatomy_r1.response_log.response import COLUMN_TYPES, COLUMNS, Response, ResponseKey
from anatomy_r1.response_log.sqlite_file import (
    CHECKED_COLUMNS,
    FRAMES,
    PROVENANCE,
    connect,
    damage_error,
    entry_checksum,
    is_damage,
    is_foreign,
    read_entries,
    reading_error,
    recover,
    recover_entries,
    response_from_row,
    run_name,
    write_entries,
    writing_error,
)

CHUNK = 10_000
"""Responses held in memory at a time when a whole log is copied."""
_INSERT = f"INSERT INTO responses VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"


class ResponseLog:
    """A response log, open for writing by this process only, or for reading while another process writes it.

    Raises:
        AnatomyR1Error: when another process is writing it, or the file is not a response log of this format.
    """

    def __init__(self, path: Path, *, read_only: bool = False, wait: float = 0.0) -> None:
        """Open `path`; `wait`: seconds to wait for another writer."""
        self.path = path
        self._lock: FileLock | None = None
        self._rowids: dict[str, int] | None = None
        if read_only and path.is_dir():
            raise no_log(path)
        if read_only and not path.is_file():
            raise AnatomyR1Error(f"{path}: no such response log. Fix: run `anatomy-r1 evaluate` with --log {path}")
        if not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = path.resolve()  # one lock, by whatever link the file is named
                self._lock = FileLock(file.with_name(file.name + ".lock"), wait=wait)
            except OSError as error:
                raise writing_error(path, error) from error
        try:
            self._db = connect(path, read_only)
        except (sqlite3.Error, AnatomyR1Error) as error:
            self._release()
            damaged = isinstance(error, sqlite3.Error) and is_damage(error) and not is_foreign(error)
            raise (damage_error if damaged else reading_error)(path, error) from error

    def add(self, responses: Sequence[Response]) -> None:
        """Commit responses together; one that is logged already with the same text is left as it is.

        Raises:
            AnatomyR1Error: when a key is logged with another text, or the log cannot be written. Nothing is added then.
        """
        new: dict[str, Response] = {}
        with self._reporting(writing=True):
            rowids = self._digests()
            for response in responses:
                digest = response.key.digest
                if digest in rowids:
                    self._check_same(self.get([response.key])[response.key], response)
                else:
                    self._check_same(new.setdefault(digest, response), response)
            with self._db:
                (last,) = self._db.execute("SELECT ifnull(max(rowid), 0) FROM responses").fetchone()
                self._db.executemany(_INSERT, [(digest, *one.values, one.checksum) for digest, one in new.items()])
        rowids.update(zip(new, count(last + 1)))  # SQLite numbers new rows from the last one

    def _check_same(self, logged: Response, response: Response) -> None:
        if (logged.text, logged.reasoning) != (response.text, response.reasoning):
            key = response.key
            raise AnatomyR1Error(
                f"{self.path}: question {key.question_id}, {key.decoding} {key.repeat} is logged with another text. "
                "Fix: the engine is not deterministic or two runs were mixed: start a new --log"
            )

    def get(self, keys: Iterable[ResponseKey]) -> dict[ResponseKey, Response]:
        """The logged responses among `keys`; like all methods, an AnatomyR1Error if the file is damaged."""
        with self._reporting():
            rowids = self._digests()
        digests = dict.fromkeys(key.digest for key in keys)
        wanted = [rowids[digest] for digest in digests if digest in rowids]
        found = {}
        for start in range(0, len(wanted), 500):  # SQLite limits the number of parameters
            part = wanted[start : start + 500]
            for response in self._select(f"WHERE rowid IN ({', '.join('?' * len(part))})", part):
                found[response.key] = response
        return found

    def _digests(self) -> dict[str, int]:
        """Digest -> row number: read once by the writer, anew by a reader, since a writer may have added rows."""
        if self._rowids is None:
            rowids = dict(self._db.execute("SELECT digest, rowid FROM responses"))
            self._rowids = rowids if self._lock else None
            return rowids
        return self._rowids

    def rows(self) -> Iterator[Response]:
        """All responses, sorted by key, so that the order of writing does not matter."""
        return self._select("ORDER BY benchmark, question_id, decoding, repeat, digest")

    def _select(self, which: str, values: Sequence[int] = ()) -> Iterator[Response]:
        with self._reporting():
            for row in self._db.execute(f"SELECT {CHECKED_COLUMNS} FROM responses {which}", values):
                response = response_from_row(row)
                if response is None:
                    raise damage_error(self.path, f"the row of question {str(row[1])[:80]!r} is not as it was written")
                yield response

    def add_run(self, plan: dict[str, object]) -> str:
        """Record the plan of a run; returns the run's name."""
        text = json.dumps(plan, sort_keys=True)
        self.add_plans([text])
        return run_name(text)

    def add_plans(self, plans: Sequence[str]) -> None:
        """Record plans given as JSON."""
        with self._reporting(writing=True), self._db:
            self._db.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?)", [(run_name(plan), plan) for plan in plans])

    def add_provenance(self, run: str, entry: Mapping[str, object]) -> None:
        """Record where a run's responses came from: what decides none of them, such as a server's address.

        A run may have several entries: it may be resumed elsewhere. An entry that is there already, or empty, adds
        nothing.
        """
        if entry:
            self.add_entries(PROVENANCE, [(run, json.dumps(entry, sort_keys=True))])

    def provenance(self, run: str) -> list[dict[str, object]]:
        """The entries of a run, in the order in which they were recorded."""
        return [json.loads(entry) for name, entry in self.provenance_entries() if name == run]

    def provenance_entries(self) -> list[tuple[str, str]]:
        """All entries as run and JSON, in the order in which they were recorded."""
        return self.entries(PROVENANCE)

    def add_frame(self, run: str, frame: Frame) -> None:
        """Record what stands around a question's text in the prompts of a run."""
        self.add_entries(FRAMES, [(run, frame.as_json())])

    def frames(self, run: str) -> list[Frame]:
        """The frames of a run: none in a log that was written before they were recorded."""
        return [Frame.read(entry) for name, entry in self.entries(FRAMES) if name == run]

    def add_entries(self, table: str, entries: Sequence[tuple[str, str]]) -> None:
        """Record entries of one kind, given as run and JSON."""
        if entries:
            with self._reporting(writing=True):
                write_entries(self._db, table, entries)

    def entries(self, table: str) -> list[tuple[str, str]]:
        """All entries of one kind as run and JSON, in the order in which they were recorded."""
        with self._reporting():
            found = read_entries(self._db, table)
        if changed := [run for run, entry, checksum in found if checksum != entry_checksum(run, entry)]:
            raise damage_error(self.path, f"the {table} of run {str(changed[0])[:80]!r} is not as it was written")
        return [(str(run), str(entry)) for run, entry, _ in found]

    def runs(self) -> dict[str, dict[str, object]]:
        """Plans by run name, in the order in which they were first started."""
        return {run_name(plan): json.loads(plan) for plan in self.plans()}

    def plans(self) -> list[str]:
        """Plans as JSON, in the order in which they were recorded."""
        with self._reporting():
            found = dict(self._db.execute("SELECT name, plan FROM runs ORDER BY rowid").fetchall())
        if changed := [name for name, plan in found.items() if name != run_name(str(plan))]:
            raise damage_error(self.path, f"the plan of run {changed[0]!r} is not as it was written")
        return list(found.values())

    @contextmanager
    def _reporting(self, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_damage(error):
                raise damage_error(self.path, error) from error
            raise (writing_error if writing else reading_error)(self.path, error) from error

    def export(self, path: Path) -> None:
        """Write all responses as one Parquet file, atomically."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}
        schema = pa.schema([(name, types[COLUMN_TYPES[name]]) for name in COLUMNS])
        try:
            with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
                rows = (dict(zip(COLUMNS, response.values, strict=True)) for response in self.rows())
                while part := list(islice(rows, CHUNK)):
                    writer.write_table(pa.Table.from_pylist(part, schema))
        except OSError as error:
            fix = "Fix: check disk space and permissions"
            raise AnatomyR1Error(f"{path}: cannot be written ({error}). {fix}") from error

    def close(self) -> None:
        """Close the file and release the writer's lock."""
        self._db.close()
        self._release()

    def _release(self) -> None:
        if self._lock:
            self._lock.release()

    def __enter__(self) -> ResponseLog:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def new_log(path: Path) -> Iterator[ResponseLog]:
    """A log under a temporary name, renamed at the end; leftovers of an earlier run are deleted."""
    for there in (path, path.with_name(path.name + "-wal")):  # SQLite would read an older log's pages from the latter
        if there.exists():
            raise AnatomyR1Error(f"{there}: exists already. Fix: name a new file")
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


@dataclass(frozen=True, slots=True)
class Copied:
    """Contents of a log made by `salvage` or `merge`."""

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
        for table in (PROVENANCE, FRAMES):
            log.add_entries(table, recover_entries(damaged, table))
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
        return Copied(len(whole._digests()), len(whole.runs()))


def _copy(part: ResponseLog, whole: ResponseLog) -> None:
    rows = part.rows()
    while chunk := list(islice(rows, CHUNK)):
        try:
            whole.add(chunk)
        except AnatomyR1Error as error:
            raise AnatomyR1Error(f"{part.path} disagrees with a log named before it: {error}") from error
    whole.add_plans(part.plans())
    for table in (PROVENANCE, FRAMES):
        whole.add_entries(table, part.entries(table))
