"""Training log: what was really served, sampled, rewarded and learned. Figures, certificates and audits read it.

One SQLite file (WAL) a training run. The schema is fixed here; a change of meaning bumps `SCHEMA_VERSION`.

- `steps`: one row an optimiser step. `seconds` is wall-clock of the step, `rollout_tokens` is cumulative.
- `rollouts`: one row a completion, `member` in 0..G-1 within group `group_index` of `step`; `kept` is 0 where DAPO drew
  and did not learn from it. `prompt` and `completion`
  hold text for sampled steps only (see `keep_text`); hashes are always there. `rewards` is JSON, by function name.
- `served`: one row an example of supervised fine-tuning, in the order in which it was learned from; logs of before
  certificates have no such table.
- `events`: start, resume and end, with the step at which they happened.

A resumed run deletes what came after its checkpoint before it goes on, so the log equals an uninterrupted one except
for `events`, `seconds` and rows of time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

import pandas as pd

SCHEMA_VERSION = 2
"""2 adds `rollouts.draw` and `rollouts.kept` (DAPO's discarded draws) and `steps.alpha` (GPG)."""
TEXT_EVERY = 10
"""Texts are kept for every tenth step and the first: enough to read, small enough to keep (our choice)."""
ACCURACY = "reward_accuracy_reward"
"""Column of `read(..., "rollouts")` that says whether a completion is right."""


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step. `None` where a trainer has no such quantity (SFT has no reward, KL or rollouts)."""

    step: int
    loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    entropy: float | None = None
    kl: float | None = None
    reward: float | None = None
    level: int | None = None
    """Curriculum level served; None without a curriculum."""
    seconds: float | None = None
    rollout_tokens: int | None = None
    """Completion tokens sampled so far, discarded draws included."""
    alpha: float | None = None
    """GPG's B / (B - M); None in other methods."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion of one group, as it was served and scored."""

    step: int
    group_index: int
    member: int
    question_id: str
    anatomy: str
    prompt_hash: str
    image_hash: str
    prompt: str | None
    completion: str | None
    choice: str | None
    rewards: str
    """JSON object: reward function -> value."""
    advantage: float
    tokens: int
    finish_reason: str
    """`stop` or `length`."""
    similarity: float | None = None
    """S(q) of eq. 4 for the options served; None where no encoder was given or an option is unknown to it."""
    level: int | None = None
    """Bin from which the options were drawn; None without a curriculum."""
    draw: int = 0
    """0 for the batch's own questions, 1 and up for DAPO's further draws; their groups are numbered on."""
    kept: bool = True
    """Whether it was learned from."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example that supervised fine-tuning learned from."""

    step: int
    place: int
    """Within the step, from 0."""
    prompt_hash: str
    completion: str
    """What it imitates."""


_TYPES = {"int": "INTEGER", "bool": "INTEGER", "float": "REAL", "str": "TEXT"}


def _columns(record: type) -> str:
    return ", ".join(f"{f.name} {_TYPES[str(f.type).split(' ')[0]]}" for f in fields(record))


def keep_text(step: int) -> bool:
    """Whether prompts and completions of this step are stored as text."""
    return step % TEXT_EVERY == 0 or step == 1


class TrainingLog:
    """Writer. Rows of a step are committed together, so a killed run leaves whole steps."""

    def __init__(self, path: Path, resume_step: int = 0) -> None:
        """Open `path`; with `resume_step` > 0, drop what came after that checkpoint and note the restart."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._create()
        for table in ("steps", "rollouts", "served"):
            self._db.execute(f"DELETE FROM {table} WHERE step > ?", (resume_step,))
        self.event("resume" if resume_step else "start", resume_step)

    def _create(self) -> None:
        self._db.execute(f"CREATE TABLE IF NOT EXISTS steps ({_columns(Step)}, PRIMARY KEY (step))")
        key = "PRIMARY KEY (step, group_index, member)"
        self._db.execute(f"CREATE TABLE IF NOT EXISTS rollouts ({_columns(Rollout)}, {key})")
        self._db.execute(f"CREATE TABLE IF NOT EXISTS served ({_columns(Example)}, PRIMARY KEY (step, place))")
        self._db.execute("CREATE TABLE IF NOT EXISTS events (kind TEXT, step INTEGER, unix_time REAL)")
        self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def event(self, kind: str, step: int) -> None:
        """Note a start, resume or end."""
        self._db.execute("INSERT INTO events VALUES (?, ?, ?)", (kind, step, time.time()))
        self._db.commit()

    def add_rollouts(self, rollouts: Iterable[Rollout]) -> None:
        """Add completions; they are committed with their step."""
        self._insert("rollouts", Rollout, rollouts)

    def add_examples(self, examples: Iterable[Example]) -> None:
        """Add examples; they are committed with their step."""
        self._insert("served", Example, examples)

    def add_step(self, step: Step) -> None:
        """Add a step and commit it with its rollouts or examples."""
        self._insert("steps", Step, [step])
        self._db.commit()

    def _insert(self, table: str, record: type, rows: Iterable[Step] | Iterable[Rollout] | Iterable[Example]) -> None:
        names = [f.name for f in fields(record)]
        marks = ", ".join("?" for _ in names)
        self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", map(attrgetter(*names), rows))

    def rollout_tokens(self) -> int:
        """Tokens sampled so far."""
        return int(self._db.execute("SELECT COALESCE(SUM(tokens), 0) FROM rollouts").fetchone()[0])

    def close(self, step: int) -> None:
        """Note the end, fold the WAL into the file and close."""
        self.event("end", step)
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.close()


_ORDER = {"steps": "step", "rollouts": "step, group_index, member", "served": "step, place", "events": "step"}


def _has(db: sqlite3.Connection, table: str) -> bool:
    found = db.execute("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    return bool(found[0])


def read(path: Path, table: str) -> pd.DataFrame:
    """`steps`, `rollouts` (rewards spread into columns `reward_<function>`), `served` or `events` as a frame.

    Raises:
        ValueError: when the file was written with another schema version.
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise ValueError(f"{path}: training-log schema {version}, this code reads {SCHEMA_VERSION}; train again")
        if table not in _ORDER:
            raise ValueError(f"no table {table!r} in a training log: {', '.join(_ORDER)}")
        if table == "served" and not _has(db, table):  # written before there was one
            return pd.DataFrame(columns=[f.name for f in fields(Example)])
        order = f"ORDER BY {_ORDER[table]}"
        frame = pd.read_sql_query(f"SELECT * FROM {table} {order}", db)
    if table == "rollouts" and len(frame):
        spread = pd.DataFrame([json.loads(value) for value in frame["rewards"]]).add_prefix("reward_")
        frame = pd.concat([frame.drop(columns="rewards"), spread], axis=1)
    return frame
