"""The audit as JSON and back, so that the ledger and the site read an audit without the files it was made from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from reports.audit.finding import Check, Finding
from reports.formats import inert_csv
from reports.formats.page import Grid

COLUMNS = ("check", "id", "strength", "title", "test", "figure", "limits", "question")


def render(checks: Sequence[Check]) -> str:
    """All checks with their findings and grids."""
    return json.dumps({"checks": [asdict(check) for check in checks]}, indent=1, ensure_ascii=False) + "\n"


def render_csv(checks: Sequence[Check]) -> str:
    """One line a finding."""
    lines = (
        [check.id, *(inert_csv.inert(str(getattr(finding, name))) for name in COLUMNS[1:])]
        for check in checks
        for finding in check.findings
    )
    return inert_csv.render(COLUMNS, lines)


def load(path: Path) -> tuple[Check, ...]:
    """Inverse of `render`.

    Raises:
        AnatomyR1Error: when the file is not an audit.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_check(one) for one in content["checks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        cure = "write it with `python -m reports audit --out DIR`"
        raise AnatomyR1Error(f"{path}: not an audit ({type(error).__name__}: {error}). Cure: {cure}") from error


def _check(raw: Mapping[str, Any]) -> Check:
    grids = tuple(_grid(one) for one in raw["grids"])
    return Check(**{**raw, "findings": tuple(Finding(**one) for one in raw["findings"]), "grids": grids})


def _grid(raw: Mapping[str, Any]) -> Grid:
    return Grid(raw["title"], _texts(raw["head"]), tuple(_texts(row) for row in raw["rows"]), raw["note"])


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))
