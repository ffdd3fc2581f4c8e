"""Response log: one row a response, written as it is made; the resume point of an evaluation and the source of scores.

A SQLite file in WAL mode, so that what was committed survives kill -9. A response's key covers all that can change it:
another prompt, image, weights, sampling argument, repeat or seed is another response.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:       # doctest: +SKIP
    ...     log.add([Response(key=key, text="<answer> B </answer>", finish_reason="stop")])
    ...     log.get([key])[key].text
    '<answer> B </answer>'
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.locks import FileLock
from anatomy_r1.response import COLUMNS, KEY_FIELDS, KINDS, OTHER_FIELDS, Response, ResponseKey

FORMAT_VERSION = 1


class ResponseLog:
    """A response log, open for writing by this process alone, or for reading beside a writer.

    Raises:
        AnatomyR1Error: when another process writes it, or the file is no response log of this version.
    """

    def __init__(self, path: Path, *, read_only: bool = False, wait: float = 0.0) -> None:
        """Open `path`; `wait`: seconds to wait for another writer before refusing."""
        self.path = path
        self._lock: FileLock | None = None
        if read_only and not path.is_file():
            raise AnatomyR1Error(f"{path}: no such response log. Cure: run `anatomy-r1 evaluate` with --log {path}")
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(path.name + ".lock"), wait=wait)
        try:
            self._db = _connect(path, read_only)
        except (sqlite3.Error, AnatomyR1Error) as error:
            self._release()
            cure = f"Cure: move it away, or name another --log ({error})"
            raise AnatomyR1Error(f"{path}: not a response log of format {FORMAT_VERSION}. {cure}") from error

    def add(self, responses: Sequence[Response]) -> None:
        """Commit responses together; one that is already there, text and all, is left as it is.

        Raises:
            AnatomyR1Error: when a key is there with another text, or the log cannot be written; nothing is kept then.
        """
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        statement = f"INSERT INTO responses VALUES ({marks}) ON CONFLICT (digest) DO NOTHING"
        try:
            with self._db:
                for response in responses:
                    row = (
                        response.key.digest,
                        *response.key.values,
                        *(getattr(response, name) for name in OTHER_FIELDS),
                    )
                    if self._db.execute(statement, row).rowcount == 0:
                        self._check_same(response)
        except sqlite3.Error as error:
            raise AnatomyR1Error(
                f"{self.path}: cannot be written ({error}). Cure: see to space and rights, then run the same command; "
                "earlier responses are kept"
            ) from error

    def _check_same(self, response: Response) -> None:
        query = "SELECT text FROM responses WHERE digest = ?"
        (text,) = self._db.execute(query, (response.key.digest,)).fetchone()
        if text != response.text:
            key = response.key
            raise AnatomyR1Error(
                f"{self.path}: question {key.question_id}, {key.decoding} {key.repeat} is logged with another text. "
                "Cure: the engine is not deterministic or two runs were mixed: start a new --log"
            )

    def get(self, keys: Iterable[ResponseKey]) -> dict[ResponseKey, Response]:
        """Those of `keys` that are logged."""
        wanted = {key.digest: key for key in keys}
        digests, found = list(wanted), {}
        for start in range(0, len(digests), 500):  # SQLite bounds the number of parameters
            part = digests[start : start + 500]
            marks = ", ".join("?" * len(part))
            query = f"SELECT digest, {', '.join(OTHER_FIELDS)} FROM responses WHERE digest IN ({marks})"
            for digest, *rest in self._db.execute(query, part):
                found[wanted[digest]] = Response(wanted[digest], *rest)
        return found

    def rows(self) -> Iterator[Response]:
        """All responses, in the order of their keys (so that the order of writing does not show)."""
        order = "benchmark, question_id, decoding, repeat, digest"
        for row in self._db.execute(f"SELECT {', '.join(COLUMNS)} FROM responses ORDER BY {order}"):
            yield Response(ResponseKey(*row[: len(KEY_FIELDS)]), *row[len(KEY_FIELDS) :])

    def add_run(self, plan: dict[str, object]) -> str:
        """Note what a run asks for; returns its name, 8 hex digits of the plan."""
        text = json.dumps(plan, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO runs VALUES (?, ?)", (name, text))
        return name

    def runs(self) -> dict[str, dict[str, object]]:
        """Plans by run name, in the order in which they were first started."""
        return {name: json.loads(plan) for name, plan in self._db.execute("SELECT name, plan FROM runs ORDER BY rowid")}

    def export(self, path: Path) -> None:
        """Write all responses as one Parquet file (temporary name, then rename)."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}
        schema = pa.schema([(name, kinds[KINDS[name]]) for name in COLUMNS])
        temporary = path.with_name(path.name + ".tmp")
        with pq.ParquetWriter(temporary, schema) as writer:
            for part in _chunks(self.rows(), 10_000):
                writer.write_table(pa.Table.from_pylist([_flat(response) for response in part], schema))
        temporary.replace(path)

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


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=30)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0 and not read_only and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        db.execute("PRAGMA journal_mode = WAL")
        columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in KINDS.items())
        with db:
            db.execute("BEGIN IMMEDIATE")  # or each statement would commit by itself, and kill -9 leave half a schema
            db.execute(f"CREATE TABLE responses (digest TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")
            db.execute("CREATE TABLE runs (name TEXT PRIMARY KEY, plan TEXT NOT NULL)")
            db.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    elif version != FORMAT_VERSION:
        db.close()
        raise AnatomyR1Error(f"it has format {version}")
    return db


def _flat(response: Response) -> dict[str, object]:
    values = asdict(response)
    return {**values.pop("key"), **values}


def _chunks(rows: Iterator[Response], size: int) -> Iterator[list[Response]]:
    part: list[Response] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
