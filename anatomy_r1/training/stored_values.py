"""What a training wrote down, checked when it is read: tables of the log, its record, tables of curves.

SQLite keeps a word in a column of numbers, and Parquet and CSV any column at all. A certificate or a figure of such
values would end in an error that names no file, or in a false number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.validation import parse_json, validated

LARGEST = 1e15
"""No number of a training is larger (ours); NaN and infinity are none at all."""
Number = Annotated[float, Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Positive = Annotated[int, Field(ge=1, le=10**9)]


class _Arguments(BaseModel):
    """The trainer arguments that a certificate or curves compute with; a plan states many more."""

    model_config = ConfigDict(extra="allow", strict=True)

    max_steps: Annotated[int, Field(ge=-1, le=10**9)]
    own_steps: Count | None = None
    num_generations: Positive | None = None
    per_device_train_batch_size: Positive = 1
    gradient_accumulation_steps: Positive = 1
    steps_per_generation: Positive | None = None
    epsilon: Number = 0.2
    epsilon_high: Number | None = None
    beta: Number | None = None
    resample_rounds: Count | None = None
    reward_weights: list[Number] | None = None
    similarity: str | None = None
    curriculum: str | None = None
    max_completion_length: Positive | None = None
    perception_weight: Number | None = None
    double_entropy_weight: Number | None = None
    scale_rewards: str | bool | None = None
    loss_type: str | None = None
    level_count: Positive | None = None
    level_window: Positive | None = None
    level_threshold: Number | None = None
    seed: int | None = None


class _Plan(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    arguments: _Arguments
    method: dict[str, Any] = {}


class _Spent(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    steps: Count | None = None
    rollout_tokens: Count | None = None


class _Equal(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    spent: _Spent
    reached: bool


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    plan: _Plan
    spent: _Spent
    equal_tokens: _Equal | None = None


def read_record(path: Path) -> dict[str, Any]:
    """The record beside a training's log: `plan` and `spent` with values that can be computed with.

    Raises:
        ValueError: It is not JSON, a key is missing or occurs twice, or a value has another type.
        OSError: It cannot be read.
    """
    try:
        content = parse_json(path.read_text(encoding="utf-8"), constants=True)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    validated(content, _Record, where=f"{path}: not the record of a training")
    return dict(content)


def check_rows(frame: pd.DataFrame, record: type, where: str) -> None:
    """Check that a table has the columns of its dataclass, with values of their types; ValueError otherwise.

    A field may only be empty where its type says so. Older logs lack columns that were added with a default.
    """
    for field in fields(record):
        kind, _, rest = str(field.type).partition(" ")
        if field.name not in frame:
            raise ValueError(f"{where}: no column {field.name}. Fix: train again")
        column = frame[field.name]
        empty = column.isna()
        if empty.any() and "None" not in rest:
            raise ValueError(f"{where}.{field.name}: empty in row {int(empty.argmax())}. Fix: train again")
        for value in column[~empty]:
            if not fits(value, kind):
                raise ValueError(f"{where}.{field.name}: {str(value)[:40]!r} is no {kind}. Fix: train again")


def fits(value: object, kind: str) -> bool:
    """Whether a value is of a type given by name, as SQLite gives it back: truth values are 0 and 1."""
    if kind == "str":
        return isinstance(value, str)
    if not isinstance(value, (int, float, np.number)):
        return False
    try:
        number = float(value)
    except OverflowError:
        return False
    return abs(number) <= LARGEST and (kind == "float" or number == int(number))


def read_rewards(values: pd.Series, where: str) -> pd.DataFrame:
    """The rewards of each rollout, a column for each function; ValueError unless each is an object of numbers."""
    found: list[Mapping[str, float]] = []
    for text in values:
        try:
            rewards = json.loads(text)
        except (ValueError, RecursionError, TypeError):
            rewards = None
        if not isinstance(rewards, dict) or not all(
            fits(value, "float") and not isinstance(value, bool) for value in rewards.values()
        ):
            raise ValueError(f"{where}.rewards: {str(text)[:40]!r} is no object of numbers. Fix: train again")
        found.append(rewards)
    if any(one.keys() != found[0].keys() for one in found):
        raise ValueError(f"{where}.rewards: not the same functions in every row. Fix: train again")
    return pd.DataFrame(found)


def check_columns(table: pd.DataFrame, kinds: Mapping[str, str], where: str) -> None:
    """Check that a table has exactly these columns, in order, and rows; a kind is `int`, `float`, `bool` or `str`.

    A kind that ends in `?` allows empty cells.

    Raises:
        AnatomyR1Error: names `where` and the column.
    """
    fix = "run `python -m baselines curves` again"
    if list(table.columns) != list(kinds):
        raise AnatomyR1Error(f"{where}: columns {list(table.columns)}, expected {list(kinds)}. Fix: {fix}")
    if not len(table):
        raise AnatomyR1Error(f"{where}: no rows. Fix: {fix}")
    for name, stated in kinds.items():
        kind, column = stated.removesuffix("?"), table[name]
        empty = column.isna()
        wrong = [value for value in column[~empty] if not fits(value, kind)]
        if wrong or (empty.any() and kind == stated):
            found = repr(wrong[0])[:40] if wrong else "an empty cell"
            raise AnatomyR1Error(f"{where}: {name} should be {kind}, found {found}. Fix: {fix}")
