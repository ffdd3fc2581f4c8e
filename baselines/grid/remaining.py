"""The time left of a grid: what is to do, at the speed that this machine has shown so far. Pure functions.

A profile's costs are rough, and another machine is slower or faster throughout. So each kind of stage has a factor, its
seconds here over the profile's, which begins at 1, follows the factor of all stages while little is known of its own
kind, and then its own. What is to do is then laid out on the processes in the order of the plan.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PRIOR = 0.5
"""Stages that the guess is worth beside what was measured, for all stages and for each kind (ours)."""


@dataclass(frozen=True, slots=True)
class Work:
    """One stage as the estimate sees it."""

    kind: str
    """Stages of one kind are as much slower here as each other."""
    expected: float
    """Seconds by the profile."""
    share: float = 0.0
    """How much of it is done: 1 for a finished stage."""
    seconds: float = 0.0
    """Spent on the share that was done in this run."""
    shared: float = 0.0
    """The share that was done in this run, for `seconds`; smaller than `share` after a restart."""
    running: bool = False


def factors(every: Sequence[Work]) -> Mapping[str, float]:
    """Kind -> seconds here over the profile's."""
    typical = sum(one.expected for one in every) / len(every) if every else 1.0
    overall = _factor(every, PRIOR * typical, 1.0)
    kinds = {one.kind for one in every}
    found = {}
    for kind in kinds:
        of = [one for one in every if one.kind == kind]
        weight = PRIOR * sum(one.expected for one in of) / len(of)
        found[kind] = _factor(of, weight, overall)
    return found


def _factor(of: Sequence[Work], weight: float, guess: float) -> float:
    measured, expected = sum(one.seconds for one in of), sum(one.expected * one.shared for one in of)
    return (measured + weight * guess) / (expected + weight) if expected + weight else guess


def remaining(every: Sequence[Work], processes: int) -> float:
    """Seconds until all stages are done, on so many processes."""
    speed = factors(every)
    left = [(one, (1 - one.share) * one.expected * speed[one.kind]) for one in every if one.share < 1]
    free = sorted(seconds for one, seconds in left if one.running)
    free += [0.0] * (processes - len(free))
    heapq.heapify(free)
    for one, seconds in left:
        if not one.running:
            heapq.heapreplace(free, free[0] + seconds)
    return max(free, default=0.0)
