"""Training logs -> curves, for every training below a folder of runs that has sampled."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Collection
from pathlib import Path

from anatomy_r1.training.curves import distil, save_curves
from baselines.methods.registry import all_methods
from baselines.stages.publish import LOG_NAME, SETTINGS_NAME

FOLDER = "curves"
"""Below the folder of a profile's runs, beside its result store."""


def write_curves(root: Path, out: Path, methods: Collection[str] = ()) -> list[Path]:
    """Curves of all trainings below `root`/train whose curves are missing or older; returns what was written.

    A log that cannot be read is named on stderr, and has no curves: the trained policy does not hang on it.

    Args:
        root: runs of one profile; the folder's name is the profile's.
        out: where to, usually `root`/curves.
        methods: only these; all that sample in training where none is named.
    """
    wanted = set(methods) or {method.id for method in all_methods() if method.kind == "rl"}
    written = []
    for record in sorted((root / "train").glob(f"*/*/*/seed*/{SETTINGS_NAME}")):
        cell = record.parent.relative_to(root / "train")
        known = out / cell.parent / f"{cell.name}.json"
        if cell.parts[2] in wanted and not _newer(known, record):
            content = json.loads(record.read_text(encoding="utf-8"))
            try:
                curves = distil(record.parent / LOG_NAME, content, root.name)
            except (ValueError, sqlite3.Error) as error:
                print(f"no curves of {cell}: {error}", file=sys.stderr)
                continue
            written.append(save_curves(out, curves))
    return written


def _newer(known: Path, record: Path) -> bool:
    return known.is_file() and known.stat().st_mtime >= record.stat().st_mtime
