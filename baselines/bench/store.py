"""Results on disk: one JSON file a case below `cases/`, which is there whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import write_whole
from baselines.bench.cases import Case

Found = Mapping[str, Any]
"""What is known of a case (`baselines.bench.measure.measure`)."""


def path_of(out: Path, case: Case) -> Path:
    """The case's file."""
    return out / "cases" / f"{case.name}.json"


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write it as JSON, whole or not at all."""
    write_whole(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def done(out: Path, wanted: Sequence[Case]) -> list[Case]:
    """The cases that have a file.

    Raises:
        AnatomyR1Error: when a file is of other settings, or no JSON.
    """
    found = []
    for case in wanted:
        path = path_of(out, case)
        if not path.is_file():
            continue
        before = read_one(path)["case"]
        if before != dataclasses.asdict(case):
            raise AnatomyR1Error(f"{path}: of other settings, {before}. Fix: another --out, or remove the file")
        found.append(case)
    return found


def read_one(path: Path) -> dict[str, Any]:
    """A case's result.

    Raises:
        AnatomyR1Error: when it cannot be read.
    """
    try:
        value = json.loads(path.read_text())
        value["case"], value["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise AnatomyR1Error(f"{path}: no result of the bench ({error}). Fix: remove it and call again") from error
    return dict(value)


def read_all(out: Path) -> list[dict[str, Any]]:
    """Every result below `out`, by name of its file."""
    return [read_one(path) for path in sorted((out / "cases").glob("*.json"))]
