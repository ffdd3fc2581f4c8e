"""An alarm where the choice of extractor changes the order of methods: then the order says something about form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, groupby

from anatomy_r1.results.store import LENIENT
from anatomy_r1.scoring.metrics import K
from reports.scores.names import benchmark_title, is_view, method_title, model_title
from reports.scores.scores import ALL, AVG, Group, Key, Score

Pair = tuple[Group, float, float]
"""A row with its Avg@5 by the strict and by the lenient extractor, in percent as printed."""


def order_alarms(found: Mapping[Key, Score]) -> tuple[str, ...]:
    """A note on each two rows of one benchmark and model whose order by Avg@5 is another by the lenient extractor.

    Values are compared as printed, as the marks of best and second are. Rows without a lenient score are left out, and
    so are views, which compete with nothing.
    """
    pairs = [
        (group, round(found[group, AVG, ALL].percent, 2), round(found[group, LENIENT, ALL].percent, 2))
        for group, metric, category in found
        if metric == LENIENT and category == ALL and not is_view(group.method)
    ]
    ordered = sorted(pairs, key=lambda pair: (pair[0].benchmark, pair[0].model, -pair[1], pair[0].method, pair[0].arm))
    blocks = groupby(ordered, key=lambda pair: (pair[0].benchmark, pair[0].model))
    return tuple(note for _, block in blocks for note in _alarms(list(block)))


def _alarms(block: Sequence[Pair]) -> Iterator[str]:
    """`block` has the best by the strict extractor first."""
    for (first, strict, lenient), (second, below, other) in combinations(block, 2):
        if _sign(strict - below) != _sign(lenient - other):
            one, two = (method_title(group.method, group.arm) for group in (first, second))
            yield (
                f"Alarm: the choice of extractor changes the order of methods. {benchmark_title(first.benchmark)}, "
                f"{model_title(first.model, paper_beside=False)}, Avg@{K}: {one} {strict:.2f} and {two} {below:.2f} by "
                f"the strict extractor, {lenient:.2f} and {other:.2f} by the lenient one."
            )


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)
