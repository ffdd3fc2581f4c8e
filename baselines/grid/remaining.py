"""The time left of a grid: what is to do, at the speed that this machine has shown so far. Pure functions.

A profile's costs are rough, and another machine is slower or faster throughout. So each kind of stage has a factor, its
seconds here over the profile's, which begins at 1, follows the factor of all stages while little is known of its own
kind, and then its own. What is to do is then laid out on the processes in the order of the plan.
"""

from __future__ import annotations

import heapq
from collections import deque
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
    chain: str = ""
    """Stages of one chain run one after the other, in their order; empty for a stage that follows none."""


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
    """Seconds until all stages are done, on so many processes; a chain that has begun goes before one that has not."""
    speed = factors(every)
    left = [at for at, one in enumerate(every) if one.share < 1]
    seconds = {at: (1 - every[at].share) * every[at].expected * speed[every[at].kind] for at in left}
    following, heads, ready = _chains(every, left)
    free = []
    for at in (at for at in left if every[at].running):
        free.append(seconds[at])
        ready += [(seconds[at], following[at])] if at in following else []
    free += [0.0] * (processes - len(free))
    heapq.heapify(free)
    heapq.heapify(ready)
    end = max(free)
    while heads or ready:
        now = heapq.heappop(free)
        if ready and (ready[0][0] <= now or not heads):
            earliest, at = heapq.heappop(ready)
            now = max(now, earliest)
        else:
            at = heads.popleft()
        now += seconds[at]
        heapq.heappush(free, now)
        end = max(end, now)
        if at in following:
            heapq.heappush(ready, (now, following[at]))
    return end


def _chains(every: Sequence[Work], left: Sequence[int]) -> tuple[dict[int, int], deque[int], list[tuple[float, int]]]:
    """What follows a stage in its chain; chains that have not begun; and stages whose predecessors are done."""
    following: dict[int, int] = {}
    last: dict[str, int] = {}
    begun = {one.chain for one in every if one.chain and one.share >= 1}
    heads: deque[int] = deque()
    ready: list[tuple[float, int]] = []
    for at in left:
        chain = every[at].chain
        if chain in last:
            following[last[chain]] = at
        elif chain in begun and not every[at].running:
            ready.append((0.0, at))
        elif not every[at].running:
            heads.append(at)
        if chain:
            last[chain] = at
    return following, heads, ready
