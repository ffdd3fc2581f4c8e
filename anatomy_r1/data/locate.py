"""Lookup of a benchmark's prepared set: by path, by `ANATOMY_R1_DATA`, or in `./prepared`."""

from __future__ import annotations

import os
from pathlib import Path

from anatomy_r1.data.prepared import MANIFEST, PreparedSet, load
from anatomy_r1.errors import AnatomyR1Error

DATA_VARIABLE = "ANATOMY_R1_DATA"
DEFAULT_DATA = "prepared"
WHERE = (
    f"name one that `anatomy-r1 data prepare` wrote: --data DIR (anatomy-r1), --metadata data=DIR (lm-eval) or "
    f"{DATA_VARIABLE}=DIR"
)


def find_folder(benchmark: str, data: str | Path | None) -> Path:
    """Folder of a benchmark's prepared set; `data` as in `find_set`.

    Raises:
        AnatomyR1Error: when it is not found.
    """
    root = Path(data or os.environ.get(DATA_VARIABLE) or DEFAULT_DATA)
    folder = next((f for f in (root, root / benchmark) if (f / MANIFEST).is_file()), None)
    if folder is None:
        raise AnatomyR1Error(f"{root}: no prepared set of {benchmark} there. Fix: {WHERE}")
    return folder


def find_set(benchmark: str, data: str | Path | None, split: str) -> PreparedSet:
    """One split of the prepared set of a benchmark.

    Args:
        benchmark: the task's name.
        data: the set, or a folder with it under the benchmark's name. Default: `ANATOMY_R1_DATA`, else `./prepared`.
        split: `train`, `validation` or `test`.

    Raises:
        AnatomyR1Error: when it is not found, or belongs to another benchmark (a mini set under a real task's name).
    """
    folder = find_folder(benchmark, data)
    prepared = load(folder, split)
    generated, stated = bool(prepared.manifest.get("generated")), prepared.manifest.get("benchmark")
    if stated != benchmark or generated != benchmark.endswith("_mini"):
        kind = "generated" if generated else "real"
        raise AnatomyR1Error(
            f"{folder}: holds {kind} data of {stated}, not {benchmark}. Fix: run that task, or {WHERE}"
        )
    return prepared
