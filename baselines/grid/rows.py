"""Rows of the table as they are finished: a line when a method has its numbers on every benchmark of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anatomy_r1.scoring.metrics import K
from baselines.experiment.plan import Stage


@dataclass
class FinishedRows:
    """Tells each row once. What was done before the run began is told at once."""

    todo: Sequence[Stage]
    _told: set[str] = field(default_factory=set)

    def new(self) -> Iterator[str]:
        """A line for each row that has been finished since the last call."""
        for row, stages in self._rows().items():
            if row not in self._told and all(one.output.is_file() for one in stages):
                self._told.add(row)
                yield f"{row}: " + ", ".join(_cell(one) for one in stages)

    def _rows(self) -> dict[str, list[Stage]]:
        """By `model/method/arm/seed`: the evaluations on each benchmark."""
        found: dict[str, list[Stage]] = {}
        for stage in self.todo:
            if stage.stage == "evaluate":
                found.setdefault(stage.name.partition("/")[2], []).append(stage)
        return found


def _cell(stage: Stage) -> str:
    benchmark = stage.name.partition("/")[0]
    return f"{benchmark} {_percent(stage.output)}"


def _percent(path: Path) -> str:
    """Avg@5 as the result states it."""
    metrics = json.loads(path.read_text(encoding="utf-8"))["provenance"].get("metrics") or {}
    share = metrics.get(f"avg@{K}")
    return "—" if share is None else f"{100 * share:.1f} %"
