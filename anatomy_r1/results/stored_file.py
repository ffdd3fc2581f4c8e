"""One result on disk, checked when it is read: the head (JSON), then the question table (Parquet).

A table with a word for a number, or with a share beyond 1, is refused by the name of its column: it would end in a
false score, or in an error that names no file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import COLUMNS, EXTRACTION, ROTATIONS
from anatomy_r1.validation import Text, parse_json, validated


def _not_empty(name: str) -> str:
    if not name:
        raise ValueError("should not be empty")
    return name


Name = Annotated[Text, AfterValidator(_not_empty)]
Facts = dict[str, Any] | None
LABELS = ("id", "cluster", "category")
COUNTS = ("parsed", "truncated", "malformed", "several", "refused")
"""Columns of counts out of five; the other numbers of `COLUMNS` and `EXTRACTION` are shares."""


class _Provenance(BaseModel):
    """What readers look into; a result may state more."""

    model_config = ConfigDict(extra="allow", strict=True)

    commit: Name | None = None
    dirty: bool | None = None
    data: Facts = None
    sampling: Facts = None
    spent: Facts = None
    metrics: Facts = None
    training: Facts = None
    leakage: Facts = None
    released: Facts = None
    submitted: Facts = None
    unfit: list[Name] | None = None


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    profile: Name
    benchmark: Name
    model: Name
    method: Name
    arm: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    style: Name
    provenance: dict[str, Any]


def read_head(path: Path, fix: str) -> dict[str, Any]:
    """The fields of a result besides its table; AnatomyR1Error with `fix` if a key is wrong, missing or unknown."""
    try:
        content = parse_json(path.read_text(encoding="utf-8"), constants=True)
    except (OSError, ValueError, RecursionError) as error:
        raise AnatomyR1Error(f"{path}: not a complete result ({error}). Fix: {fix}") from error
    where = f"{path}: not a complete result"
    head = validated(content, _Head, where=where, fix=fix)
    validated(head.provenance, _Provenance, where=f"{where}: provenance", fix=fix)
    return head.model_dump()


def read_table(path: Path, fix: str) -> pd.DataFrame:
    """The table of the result at `path` (JSON), fit to compute metrics from; otherwise AnatomyR1Error with `fix`."""
    try:
        table = pd.read_parquet(path.with_suffix(".parquet"))
        wrong = next(filter(None, (_fault(table[name]) for name in table.columns)), "")
    except Exception as error:  # pyarrow raises OSError, ArrowInvalid, ... and decoding what it likes
        wrong = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    if not wrong and not len(table):
        wrong = "no questions in it"
    if wrong:
        raise AnatomyR1Error(f"{path}: not a complete result (its table: {wrong}). Fix: {fix}")
    return table


def _fault(column: pd.Series) -> str:
    """What is wrong with a column; nothing for columns that no one reads."""
    name = str(column.name)
    if name in LABELS:
        return "" if all(isinstance(value, str) and value for value in column) else f"{name}: should be words"
    if name not in (*COLUMNS, *EXTRACTION, *ROTATIONS) or (name == "truncated" and column.isna().all()):
        return ""
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        return f"{name}: should be numbers, found {column.iloc[0]!r}" if len(column) else ""
    values = column.to_numpy(dtype=float, na_value=np.nan)
    highest = K if name in COUNTS else 1.0 if name in (*COLUMNS, *EXTRACTION) else np.inf
    if not np.isfinite(values).all() or (values < 0).any() or (values > highest).any():
        return f"{name}: should be between 0 and {highest:g} everywhere"
    return ""
