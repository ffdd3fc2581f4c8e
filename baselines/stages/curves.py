"""Training logs -> curves, for every training below a folder of runs that samples completions."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Collection
from pathlib import Path

from anatomy_r1.training.curves import curves_from_log, save_curves
from anatomy_r1.training.training_log import LOG_NAME, SETTINGS_NAME
from baselines.methods.registry import all_methods

FOLDER = "curves"
"""Below the folder of a profile's runs, beside its result store."""


def write_curves(root: Path, out: Path, methods: Collection[str] = ()) -> list[Path]:
    """Write the curves of all trainings below `root`/train that have none or older ones; returns the written files.

    By default, of all methods that are trained by reinforcement learning. A log that cannot be read is reported on
    stderr and gets no curves: the trained policy does not depend on it.
    """
    wanted = set(methods) or {method.id for method in all_methods() if method.kind == "rl"}
    written = []
    for record in sorted((root / "train").glob(f"*/*/*/seed*/{SETTINGS_NAME}")):
        cell = record.parent.relative_to(root / "train")
        known = out / cell.parent / f"{cell.name}.json"
        current = known.is_file() and known.stat().st_mtime >= record.stat().st_mtime
        if cell.parts[2] in wanted and not current:
            content = json.loads(record.read_text(encoding="utf-8"))
            try:
                curves = curves_from_log(record.parent / LOG_NAME, content, root.name)
            except (ValueError, sqlite3.Error) as error:
                print(f"no curves of {cell}: {error}", file=sys.stderr)
                continue
            written.append(save_curves(out, curves))
    return written
