"""The training log: what was served, sampled, rewarded and learned. Figures, certificates and audits read it.

One SQLite file (WAL mode) per training run, with four tables:

- `steps`: one row per optimiser step (`Step`);
- `rollouts`: one row per completion (`Rollout`), discarded ones included;
- `served`: one row per example of supervised fine-tuning (`Example`), in training order; absent from old logs;
- `events`: start, resume and end, with their step and time.

A resumed run first deletes what lies beyond its checkpoint. Its log therefore equals that of an uninterrupted run,
except for `events` and `seconds`. A change in the meaning of a column bumps `SCHEMA_VERSION`.

Beside the log, one safetensors file per recorded step, `batches/000010.safetensors`, keeps the inputs of the step's
loss, so that a certificate can recompute it by formula: `policy`, `old` and `reference` log-probabilities (`reference`
only with a KL term), `advantages` and `mask`; its metadata has the loss that training computed and what it was divided
by. Training never reads these files.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.files import atomic_file
from anatomy_r1.training.stored_values import check_rows, read_rewards

LOG_NAME, SETTINGS_NAME = "training_log.sqlite", "training.json"
"""In a training's folder: its log, and the record of its plan and its cost."""
BATCHES = "batches"
"""Folder of the recorded batches, beside the log."""
SCHEMA_VERSION = 2
"""2 adds `rollouts.draw` and `rollouts.kept` (DAPO's discarded draws) and `steps.alpha` (GPG)."""
TEXT_EVERY = 10
"""Texts are kept for the first step and every tenth: enough to read, small enough to keep (our choice)."""
ACCURACY = "reward_accuracy_reward"
"""Column of `read(..., "rollouts")` that says whether a completion is right."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step. Fields are `None` where a trainer lacks the quantity (SFT has no reward, KL or rollouts)."""

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
    """Wall-clock time of the step."""
    rollout_tokens: int | None = None
    """Completion tokens sampled so far, discarded draws included."""
    alpha: float | None = None
    """GPG's B / (B - M); None in other methods."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion of one group, as it was served and rewarded."""

    step: int
    group_index: int
    """Group within the step."""
    member: int
    """Member of the group, 0 to G - 1."""
    question_id: str
    anatomy: str
    prompt_hash: str
    image_hash: str
    prompt: str | None
    """Text, only for the steps of `keep_text`; `completion` likewise."""
    completion: str | None
    choice: str | None
    rewards: str
    """JSON object: reward function -> value."""
    advantage: float
    tokens: int
    finish_reason: str
    """`stop` or `length`."""
    similarity: float | None = None
    """S(q) of eq. 4 for the options served; None without similarities, or if they lack an option."""
    level: int | None = None
    """Bin from which the options were drawn; None without a curriculum."""
    draw: int = 0
    """0 for the batch's own questions, 1 and up for DAPO's further draws, whose groups are numbered on."""
    kept: bool = True
    """Whether the step learned from it; 0 for completions that DAPO discarded."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the sampler's log-probabilities of a batch are from the trainer's, in nats, over all processes."""

    step: int
    part: int
    """Batch of the step's gradient accumulation, from 0."""
    tokens: int
    mean: float
    largest: float
    outside: float
    """Share of the tokens that differ by more than the training's `parity_band`."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example of supervised fine-tuning."""

    step: int
    place: int
    """Position within the step, from 0."""
    prompt_hash: str
    completion: str
    """The target."""


def keep_text(step: int) -> bool:
    """Whether prompts and completions of this step are stored as text."""
    return step % TEXT_EVERY == 0 or step == 1


_TYPES = {"int": "INTEGER", "bool": "INTEGER", "float": "REAL", "str": "TEXT"}


def _columns(record: type) -> str:
    return ", ".join(f"{f.name} {_TYPES[str(f.type).split(' ')[0]]}" for f in fields(record))


_TABLES: dict[str, tuple[type, str]] = {
    "steps": (Step, "step"),
    "rollouts": (Rollout, "step, group_index, member"),
    "served": (Example, "step, place"),
    "parity": (Parity, "step, part"),
}
"""Table -> its record and its key."""
_LATER = ("served", "parity")
"""Tables that logs of the first versions lack."""


class TrainingLog:
    """Writer. The rows of a step are committed together, so a killed run leaves only complete steps."""

    def __init__(self, path: Path, resume_step: int = 0) -> None:
        """Open `path`; with `resume_step` > 0, delete what lies beyond that checkpoint and log the resume."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        for table, (record, key) in _TABLES.items():
            self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({_columns(record)}, PRIMARY KEY ({key}))")
            self._db.execute(f"DELETE FROM {table} WHERE step > ?", (resume_step,))
        self._db.execute("CREATE TABLE IF NOT EXISTS events (kind TEXT, step INTEGER, unix_time REAL)")
        self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        self._event("resume" if resume_step else "start", resume_step)

    def _event(self, kind: str, step: int) -> None:
        self._db.execute("INSERT INTO events VALUES (?, ?, ?)", (kind, step, time.time()))
        self._db.commit()

    def add_rollouts(self, rollouts: Iterable[Rollout]) -> None:
        """Add completions; they are committed with their step."""
        self._insert("rollouts", rollouts)

    def add_examples(self, examples: Iterable[Example]) -> None:
        """Add examples; they are committed with their step."""
        self._insert("served", examples)

    def add_parity(self, parity: Parity) -> None:
        """Add what is known of a batch's sampler; it is committed with its step."""
        self._insert("parity", [parity])

    def add_step(self, step: Step) -> None:
        """Add a step and commit it with its rollouts or examples."""
        self._insert("steps", [step])
        self._db.commit()

    def _insert(self, table: str, rows: Iterable[Step | Rollout | Example | Parity]) -> None:
        names = [f.name for f in fields(_TABLES[table][0])]
        marks = ", ".join("?" for _ in names)
        self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", map(attrgetter(*names), rows))

    def rollout_tokens(self) -> int:
        """Completion tokens sampled so far."""
        return int(self._db.execute("SELECT COALESCE(SUM(tokens), 0) FROM rollouts").fetchone()[0])

    def close(self, step: int) -> None:
        """Log the end, merge the WAL into the file, and close it."""
        self._event("end", step)
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.close()


def read(path: Path, table: str) -> pd.DataFrame:
    """One table as a frame: `steps`, `rollouts` (with a column `reward_<function>` per reward), `served`, `parity` or
    `events`.

    ValueError for another table, a file of another schema version, or one that is damaged: it names the column.
    """
    order = {**{name: key for name, (_, key) in _TABLES.items()}, "events": "step"}
    if table not in order:
        raise ValueError(f"no table {table!r} in a training log: {', '.join(order)}")
    try:
        return _read_table(path, table, order[table])
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise ValueError(f"{path}: not a training log ({error}). Fix: train again") from error


def _read_table(path: Path, table: str, order: str) -> pd.DataFrame:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise ValueError(f"{path}: training-log schema {version}, not {SCHEMA_VERSION}. Fix: train again")
        if table in _LATER and not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return pd.DataFrame(columns=[f.name for f in fields(_TABLES[table][0])])  # an old log
        frame = pd.read_sql_query(f"SELECT * FROM {table} ORDER BY {order}", db)
    if table in _TABLES:
        check_rows(frame, _TABLES[table][0], f"{path}: {table}")
    if table == "rollouts" and len(frame):
        rewards = read_rewards(frame["rewards"], f"{path}: rollouts").add_prefix("reward_")
        frame = pd.concat([frame.drop(columns="rewards"), rewards], axis=1)
    return frame


@dataclass(frozen=True)
class RecordedBatch:
    """The first batch of an optimiser step, as one process saw it: B completions of at most T tokens."""

    step: int
    loss: float
    """As training computed it, in training precision."""
    tokens: float
    """The number of tokens of all processes by which a token mean divides; the mask's sum in methods without one."""
    accumulation: int
    """Gradient accumulation: batches per optimiser step."""
    processes: int
    policy: Floats
    """(B, T) log-probabilities of the sampled tokens under the policy."""
    old: Floats
    """(B, T), under the policy that sampled; equal to `policy` when that is the same one."""
    reference: Floats | None
    """(B, T), under the reference model; None without a KL term."""
    advantages: Floats
    """(B,)"""
    mask: Floats
    """(B, T), 1 for tokens that count."""
    masked: Floats | None = None
    """(B, T), under the policy with masked images; None in methods without them."""


def write_batch(folder: Path, batch: RecordedBatch) -> None:
    """Write a batch atomically, under the name of its step."""
    from safetensors.numpy import save_file

    named = {name: getattr(batch, name) for name in ("policy", "old", "reference", "advantages", "mask", "masked")}
    arrays = {name: np.ascontiguousarray(a, np.float32) for name, a in named.items() if a is not None}
    facts = {name: getattr(batch, name) for name in ("step", "loss", "tokens", "accumulation", "processes")}
    with atomic_file(folder / f"{batch.step:06d}.safetensors") as temporary:
        save_file(arrays, temporary, {"batch": json.dumps(facts)})


def read_batches(folder: Path) -> Iterator[RecordedBatch]:
    """Every recorded batch of a run, in order of steps."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            yield _read(path)
        except Exception as error:  # the exception type differs between versions of safetensors
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(f"{path}: no recorded batch ({reason}). Fix: train again") from error


def _read(path: Path) -> RecordedBatch:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as opened:
        facts: dict[str, Any] = json.loads(opened.metadata()["batch"])
        arrays = {name: opened.get_tensor(name).astype(np.float64) for name in opened.keys()}  # noqa: SIM118
    return RecordedBatch(**facts, **{"reference": None, **arrays})
