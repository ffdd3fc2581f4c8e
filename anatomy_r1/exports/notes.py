"""Notes: what a run says of itself, such as that it is a demo, and whether its data are generated.

A result carries the note of its run's profile. A response log has none; where it lies in the folder of its run, as
`python -m baselines run` leaves it, the result that was scored from it is found there by the hash of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import cell_files, load_cell, store_in

GENERATED = "The questions and images are generated: the numbers say nothing about real models, images or questions."
UNKNOWN = "No note on the run is recorded: what the model is and what the run was for are not known."
_RESPONSES = "responses"
"""Folder of the logs in that of a run."""


def note_line(benchmark: str, provenance: Mapping[str, Any]) -> str:
    """What must be known of a run before its numbers, in sentences."""
    return " ".join([*([GENERATED] if is_generated(benchmark, provenance) else []), _recorded(provenance) or UNKNOWN])


def is_generated(benchmark: str, provenance: Mapping[str, Any]) -> bool:
    """Whether the questions are of the mini world: their set says so, or their benchmark's name."""
    return stated(provenance, "data", "generated") is True or benchmark.endswith("_mini")


def note_beside(log: Path, benchmark: str, weights: str) -> str:
    """The note of the result that the weights of `log` have in the store of its run; empty if there is no such."""
    run = next((one.parent for one in log.resolve().parents if one.name == _RESPONSES), None)
    if run is None:
        return ""
    try:
        cells = [load_cell(path) for path in cell_files(store_in(run), f"{benchmark}/*/*/*/seed*")]
    except AnatomyR1Error:  # another's results are broken; that of this log is not known then
        return ""
    notes = (_recorded(one.provenance) for one in cells if stated(one.provenance, "sampling", "weights") == weights)
    return next((note for note in notes if note), "")


def _recorded(provenance: Mapping[str, Any]) -> str:
    return " ".join(str(provenance.get("note") or "").split())
