"""One result on disk, checked when it is read: the head (JSON), then the question table (Parquet), then both together.

A table with a word for a number, or with a share beyond 1, is refused by the name of its column: it would end in a
false score, or in an error that names no file. A table that does not give the metrics in the head is that of another
result, or was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import BLIND, COLUMNS, EXTRACTION, LENIENT, ROTATIONS
from anatomy_r1.validation import Text, parse_json, validated


def _not_empty(name: str) -> str:
    if not name:
        raise ValueError("should not be empty")
    return name


Name = Annotated[Text, AfterValidator(_not_empty)]
Share = Annotated[float, Field(ge=0, le=1)]
Facts = dict[str, Any] | None
LABELS = ("id", "cluster", "category")
COUNTS = ("parsed", "truncated", "malformed", "several", "refused")
"""Columns of counts out of five; the other numbers of `COLUMNS` and `EXTRACTION` are shares."""
_CORRECT = tuple(f"correct_{repeat}" for repeat in range(K))
_STATED: Mapping[str, tuple[tuple[str, ...], int]] = {
    f"avg@{K}": (_CORRECT, K),
    "pass@1": (_CORRECT[:1], 1),
    f"major@{K}": (("major",), 1),
    "greedy": (("greedy",), 1),
    "parse_rate": (("parsed",), K),
    "truncation_rate": (("truncated",), K),
    LENIENT: (tuple(f"lenient_{repeat}" for repeat in range(K)), K),
    "format_failure_rate": (("malformed",), K),
    "several_rate": (("several",), K),
    "refusal_rate": (("refused",), K),
}
"""Metric in the head -> the columns whose sum over questions gives it, and what one question can add to that."""
_ROUNDING = 1e-9
"""A metric and its table may differ by this much: sums in another order differ in the last bits."""


class _Blind(BaseModel):
    """The best blind rule, or why there is none."""

    model_config = ConfigDict(extra="allow", strict=True)

    rule: Name | None = None
    in_training: Share | None = None
    train_questions: Annotated[int, Field(ge=1)] | None = None
    accuracy: Share | None = None
    version: int | None = None
    scikit_learn: Name | None = None
    not_computed: Name | None = None


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
    blind: _Blind | None = None


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
    base: Text = ""
    """Absent in files of models with one base."""


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


def check_agreement(path: Path, provenance: Mapping[str, Any], table: pd.DataFrame) -> None:
    """Check that the table of the result at `path` (JSON) is its own: it gives the metrics and the blind rule's
    accuracy that the provenance states, and its columns agree.

    Raises:
        AnatomyR1Error: It does not. Both files are named, since it is not known which one is wrong.
    """
    problem = _unlike(provenance.get("metrics") or {}, table) or _other_rule(provenance.get("blind"), table)
    problem = problem or ("" if "rotations" in table.columns else _wrong_majority(table) or _right_unread(table))
    if problem:
        fix = "restore both from where they came, or move both away and run the cell again"
        raise AnatomyR1Error(f"{path} and {path.with_suffix('.parquet')}: {problem}. Fix: {fix}")


def _unlike(metrics: Mapping[str, Any], table: pd.DataFrame) -> str:
    """The first metric in the head that its table does not give; empty if there is none, or none is stated."""
    if not metrics:
        return ""
    there = set(table.columns)
    counts = table["rotations"].to_numpy(dtype=float) if "rotations" in there else np.ones(len(table))
    asked = float(counts.sum())
    if "n" in metrics and metrics["n"] != asked:
        return f"not one result: n is {metrics['n']!r} in the metrics of the first, {asked:g} by the table"
    for name, (columns, most) in _STATED.items():
        if name not in metrics or columns[0] not in there:
            continue
        whole = sum(float(counts @ _numbers(table[column])) for column in columns)
        found, stated = whole / most / asked, metrics[name]
        if not isinstance(stated, int | float) or not abs(found - stated) <= _ROUNDING:
            return f"not one result: {name} is {stated!r} in the metrics of the first, {found!r} by the table"
    return ""


def _other_rule(recorded: Any, table: pd.DataFrame) -> str:
    stated = recorded.get("accuracy") if isinstance(recorded, Mapping) else None
    if stated is None or BLIND not in table.columns:
        return ""
    found = float(_numbers(table[BLIND]).mean())
    told = f"the blind rule's accuracy is {stated!r} in the first, {found!r} by the table"
    return "" if abs(found - stated) <= _ROUNDING else f"not one result: {told}"


def _numbers(column: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column as numbers; NaN where it is empty, which of pandas' own conversions only the slow one does."""
    values = column.to_numpy()
    return values.astype(float) if values.dtype != object else column.to_numpy(dtype=float, na_value=np.nan)


def _wrong_majority(table: pd.DataFrame) -> str:
    """What is wrong with the majority of a question: three right responses of five decide it, and so does none."""
    right = table[list(_CORRECT)].to_numpy(dtype=float).sum(axis=1)
    major = table["major"].to_numpy(dtype=float) > 0
    wrong = np.flatnonzero((major & (right == 0)) | (~major & (2 * right > K)))
    if not len(wrong):
        return ""
    at = int(wrong[0])
    told = f"{right[at]:g} of {K} responses right, but the majority {'right' if major[at] else 'wrong'}"
    return f"the table contradicts itself: question {table['id'].iloc[at]} has {told}"


def _right_unread(table: pd.DataFrame) -> str:
    """What is wrong with the read responses of a question: an unread one is never right."""
    right, read = table[list(_CORRECT)].to_numpy(dtype=float).sum(axis=1), table["parsed"].to_numpy(dtype=float)
    wrong = np.flatnonzero(right > read)
    if not len(wrong):
        return ""
    at = int(wrong[0])
    told = f"{right[at]:g} of {K} responses right, but only {read[at]:g} read"
    return f"the table contradicts itself: question {table['id'].iloc[at]} has {told}"


def _fault(column: pd.Series) -> str:
    """What is wrong with a column; nothing for columns that no one reads."""
    name = str(column.name)
    if name in LABELS:
        return "" if all(isinstance(value, str) and value for value in column) else f"{name}: should be words"
    if name not in (*COLUMNS, *EXTRACTION, *ROTATIONS, BLIND) or (name == "truncated" and column.isna().all()):
        return ""
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        return f"{name}: should be numbers, found {column.iloc[0]!r}" if len(column) else ""
    values = column.to_numpy(dtype=float, na_value=np.nan)
    highest = K if name in COUNTS else 1.0 if name in (*COLUMNS, *EXTRACTION, BLIND) else np.inf
    if not np.isfinite(values).all() or (values < 0).any() or (values > highest).any():
        return f"{name}: should be between 0 and {highest:g} everywhere"
    return ""
