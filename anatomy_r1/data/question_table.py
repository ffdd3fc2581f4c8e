"""Questions as a Parquet table: one row a question, the fields of `Question` and `split`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from anatomy_r1.data.splits import SPLITS
from anatomy_r1.question import Question

_FIELDS = tuple(field.name for field in fields(Question))


def write_table(path: Path, by_split: Mapping[str, Sequence[Question]]) -> None:
    """Write the questions of each split, splits in the order of `SPLITS`; equal questions give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(split, question) for split in SPLITS for question in by_split.get(split, ())]
    columns: dict[str, Any] = {name: [getattr(question, name) for _, question in rows] for name in _FIELDS}
    columns["options"] = [list(options) for options in columns["options"]]
    columns["split"] = [split for split, _ in rows]
    kinds = {name: pa.list_(pa.string()) if name == "options" else pa.string() for name in columns}
    pq.write_table(pa.table(columns, schema=pa.schema(list(kinds.items()))), path)


def read_table(path: Path) -> Iterator[tuple[str, Question]]:
    """Split and question of each row, in order."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    splits = columns.pop("split")
    columns["options"] = [tuple(options) for options in columns["options"]]
    for split, *values in zip(splits, *columns.values(), strict=True):
        yield split, Question(**dict(zip(columns, values, strict=True)))
