"""What each method cost, read from the provenance of its results: steps, tokens and seconds, as means over seeds.

A number that the provenance does not hold, as in results from before it was recorded, is None and never a zero. A
method that was never trained spent nothing, and that is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from anatomy_r1.provenance import stated
from anatomy_r1.results.store import EQUAL_TOKENS, Result
from reports.scores.scores import Group, group_of

Records = Mapping[str, Any]
"""Plan of a training, as JSON -> its record in the provenance."""


@dataclass(frozen=True, slots=True)
class Amount:
    """One quantity of training."""

    own: float | None
    """What the method's own training spent; None where it is not known."""
    whole: float | None
    """With the trainings that it started from; None where one of them is not known."""
    continued: bool
    """Whether it started from another method's checkpoint."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a group cost, mean over its seeds."""

    group: Group
    seeds: int
    steps: Amount
    """Optimiser steps."""
    rollout_tokens: Amount
    """Completion tokens sampled in training; 0 where nothing is sampled."""
    training_seconds: Amount
    """Wall-clock of the training steps."""
    evaluation_tokens: float | None
    """Tokens generated for all responses of the evaluation."""
    evaluation_seconds: float | None


def costs(results: Sequence[Result]) -> dict[Group, Cost]:
    """The cost of each group. What a training started from is found among `results` by its plan."""
    ordered = sorted(results, key=lambda result: result.key)
    records: dict[str, Any] = {}
    for result in (one for one in ordered if one.arm != EQUAL_TOKENS):  # nothing starts from a policy of that arm
        record = result.provenance.get("training")
        records.setdefault(_plan_key(stated(record, "plan")), record)
    return {group: _cost(group, list(seeds), records) for group, seeds in groupby(ordered, key=group_of)}


def _cost(group: Group, seeds: Sequence[Result], records: Records) -> Cost:
    return Cost(
        group=group,
        seeds=len(seeds),
        steps=_amount(seeds, "steps", records),
        rollout_tokens=_amount(seeds, "rollout_tokens", records),
        training_seconds=_amount(seeds, "seconds", records),
        evaluation_tokens=_mean([_number(result.provenance, "spent", "tokens") for result in seeds]),
        evaluation_seconds=_mean([_number(result.provenance, "spent", "seconds") for result in seeds]),
    )


def _amount(seeds: Sequence[Result], quantity: str, records: Records) -> Amount:
    return Amount(
        own=_mean([_own(result, quantity) for result in seeds]),
        whole=_mean([_with_start(result, quantity, records) for result in seeds]),
        continued=any(stated(result.provenance, "training", "plan", "parent") is not None for result in seeds),
    )


def _own(result: Result, quantity: str) -> float | None:
    return 0.0 if _untrained(result) else _number(result.provenance, "training", "spent", quantity)


def _with_start(result: Result, quantity: str, records: Records) -> float | None:
    return 0.0 if _untrained(result) else _lineage(result.provenance.get("training"), quantity, records)


def _untrained(result: Result) -> bool:
    """The grid writes null where a policy was not trained; no entry at all means that nothing is known."""
    return "training" in result.provenance and result.provenance["training"] is None


def _lineage(record: Any, quantity: str, records: Records) -> float | None:
    """What `record` spent and all that it started from. A plan holds its parent's, so this comes to an end."""
    own, parent = _number(record, "spent", quantity), stated(record, "plan", "parent")
    if own is None or parent is None:
        return own
    before = _lineage(records.get(_plan_key(parent)), quantity, records)
    return None if before is None else own + before


def _plan_key(plan: Any) -> str:
    return json.dumps(plan, sort_keys=True, default=str)


def _number(value: Any, *path: str) -> float | None:
    """A count or duration; what is negative, not finite or no number at all is not known."""
    found = stated(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float("inf"):
        return None
    return float(found)


def _mean(values: Sequence[float | None]) -> float | None:
    """Mean over seeds; None when one of them is not known, for a mean over the others would be of something else."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
