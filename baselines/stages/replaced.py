"""Results that are made again, out of the way first: their settings, or what they were made from, are others now.

Snakemake removes an output when its own job begins. Until then, or for good where a training fails or the grid is
stopped, the result of the settings of before would stay in the store under the cell's name, and reports would show it
as one of today's. So results that will be made again are set aside before, with the curves of such trainings. They are
cheap to make again, from the log of responses; trainings stay until their own job begins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from anatomy_r1.training.curves import SUFFIXES
from anatomy_r1.training.training_log import SETTINGS_NAME
from baselines.experiment.cell import Layout
from baselines.methods.control import NAMES as CONTROLS
from baselines.stages.curves import FOLDER as CURVES

FOLDER = "replaced"
"""Below the folder of a profile's runs: the last version of each result that was, or is to be, made again."""
_FILES = (".json", ".parquet", *(suffix for suffix in SUFFIXES if suffix not in (".json", ".parquet")))
"""Suffixes of a result's and of a training's files; without the first, there is no result."""


def set_aside(layout: Layout, again: Collection[Path]) -> list[Path]:
    """Of outputs that are made again, move the results and the curves to `FOLDER`; returns the results."""
    results = sorted(path for path in again if path.is_relative_to(layout.store()))
    for path in [*results, *_curves(layout, again)]:
        for suffix in _FILES:
            _move(layout, path.with_suffix(suffix))
    return results


def set_aside_trained_from(layout: Layout, base: str) -> None:
    """Set aside the results and the training records of a base whose weights have changed.

    Snakemake would not notice: to it a base is its config.json, which stays the same. It trains again what the grid
    that makes the base asks for, unless that is stopped; a later grid would take all others for today's.
    """
    trained = [*(layout.root / "train").glob(f"*/{base}/**/{SETTINGS_NAME}")]
    asked = [path for path in layout.store().glob(f"*/{base}/*/*/seed*.json") if path.parts[-3] not in CONTROLS]
    set_aside(layout, [*trained, *asked])
    for path in trained:
        _move(layout, path)


def _curves(layout: Layout, again: Collection[Path]) -> Iterator[Path]:
    for path in sorted(again):
        if path.is_relative_to(trained := layout.root / "train"):
            name = path.parent.relative_to(trained)
            yield layout.root / CURVES / name.parent / f"{name.name}.json"


def _move(layout: Layout, path: Path) -> None:
    if path.exists():
        target = layout.root / FOLDER / path.relative_to(layout.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
