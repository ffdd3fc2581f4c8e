"""What was meant by a path that is no response log."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error

NAMED = 4
"""Logs that an error names."""
TRAINING = "training_log.sqlite"
"""A training's own log, which holds no responses to test questions."""
_PLACES = (*("*/" * depth for depth in range(5)), "responses/*/*/*/*/")
"""Folders below the one that was named: the last is where the grid's runs keep their logs."""


def logs_below(folder: Path) -> list[Path]:
    """Up to a few response logs in a folder, by their names alone, as users and runs lay them."""
    found = (path for place in _PLACES for path in sorted(folder.glob(f"{place}*.sqlite")) if path.name != TRAINING)
    return list(islice(found, NAMED))


def no_log(path: Path) -> AnatomyR1Error:
    """The error for a folder that was named in place of a log."""
    there = logs_below(path)
    if not there:
        fix = "name the file that `anatomy-r1 evaluate` wrote; results of a store are for `anatomy-r1 compare`"
        return AnatomyR1Error(f"{path}: a folder, so no such response log. Fix: {fix}")
    fix = f"name one of its logs, such as {', '.join(map(str, there))}; results of a store are for `anatomy-r1 compare`"
    return AnatomyR1Error(f"{path}: a folder, so no such response log. Fix: {fix}", instead=(str(path), str(there[0])))


def meant(path: Path) -> str:
    """What to do with a file that is no response log."""
    if path.name == TRAINING:
        return f"it is the log of a training, which is checked by: anatomy-r1 certify {path.parent}"
    if path.suffix == ".json":
        return f"a result of a store is for: anatomy-r1 compare {path} OTHER"
    return "name a file that `anatomy-r1 evaluate` wrote, or a new one as its --log"
