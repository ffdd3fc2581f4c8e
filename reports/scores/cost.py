"""Cost of each system, read from the provenance of its results: steps, tokens and seconds, as means over seeds.

A cost that was not recorded is None, never zero. The training cost of a method that was never trained is zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatomy_r1.provenance import stated
from anatomy_r1.results.store import EQUAL_TOKENS, Result
from reports.scores.scores import SystemKey, by_system


@dataclass(frozen=True, slots=True)
class Amount:
    """One quantity of training, mean over seeds."""

    own: float | None
    """Of the method's own training; None if unknown."""
    whole: float | None
    """Including the trainings that it started from; None if any of them is unknown."""
    continued: bool
    """Whether it started from another method's checkpoint."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one system, mean over its seeds."""

    system: SystemKey
    seeds: int
    steps: Amount
    """Optimiser steps."""
    rollout_tokens: Amount
    """Completion tokens sampled in training; 0 for methods that sample nothing."""
    training_seconds: Amount
    """Wall-clock time of the training steps."""
    evaluation_tokens: float | None
    """Tokens generated for all responses of the evaluation."""
    evaluation_seconds: float | None


def costs(results: Sequence[Result]) -> dict[SystemKey, Cost]:
    """The cost of each system. The training that another started from is looked up in `results` by its plan."""
    ordered = sorted(results, key=lambda result: result.key)
    records: dict[str, Any] = {}  # plan of a training, as JSON -> its record in the provenance
    for result in ordered:
        if result.arm != EQUAL_TOKENS:  # no training starts from that arm
            record = result.provenance.get("training")
            records.setdefault(_plan_key(stated(record, "plan")), record)
    return {system: _cost(system, list(seeds), records) for system, seeds in by_system(results).items()}


def _cost(system: SystemKey, seeds: Sequence[Result], records: Mapping[str, Any]) -> Cost:
    return Cost(
        system=system,
        seeds=len(seeds),
        steps=_amount(seeds, "steps", records),
        rollout_tokens=_amount(seeds, "rollout_tokens", records),
        training_seconds=_amount(seeds, "seconds", records),
        evaluation_tokens=_mean([_number(result.provenance, "spent", "tokens") for result in seeds]),
        evaluation_seconds=_mean([_number(result.provenance, "spent", "seconds") for result in seeds]),
    )


def _amount(seeds: Sequence[Result], quantity: str, records: Mapping[str, Any]) -> Amount:
    # the grid writes null for a policy that was not trained; a missing entry means unknown
    trainings = [result.provenance.get("training", {}) for result in seeds]
    return Amount(
        own=_mean([0.0 if one is None else _number(one, "spent", quantity) for one in trainings]),
        whole=_mean([0.0 if one is None else _lineage(one, quantity, records) for one in trainings]),
        continued=any(stated(one, "plan", "parent") is not None for one in trainings),
    )


def _lineage(record: Any, quantity: str, records: Mapping[str, Any]) -> float | None:
    """What a training and all that it started from spent. Plans contain their parent's plan, so the recursion ends."""
    own, parent = _number(record, "spent", quantity), stated(record, "plan", "parent")
    if own is None or parent is None:
        return own
    before = _lineage(records.get(_plan_key(parent)), quantity, records)
    return None if before is None else own + before


def _plan_key(plan: Any) -> str:
    return json.dumps(plan, sort_keys=True, default=str)


def _number(value: Any, *path: str) -> float | None:
    """A count or duration; None for anything but a finite number of at least zero."""
    found = stated(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float("inf"):
        return None
    return float(found)


def _mean(values: Sequence[float | None]) -> float | None:
    """Mean over seeds; None if any is unknown, since a mean over the others would describe something else."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
