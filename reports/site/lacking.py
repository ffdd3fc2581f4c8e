"""What a run lacks of what the paper's tables show, for the page that says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anatomy_r1.comparison.retraining import FEWEST
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED, Result
from reports.scores.names import BENCHMARKS, METHODS, MINI, benchmark_title, method_title

ARMS = {EQUAL_TOKENS: "the same sampled tokens", AS_RELEASED: "the authors' own training files"}
"""The arms beside the matched one, in words."""


def lacking(results: Sequence[Result]) -> list[tuple[str, str]]:
    """(what, which of it) in reading order; empty for a whole run."""
    return [(what, which) for what, which in _lacking(results) if which]


def _lacking(results: Sequence[Result]) -> Iterator[tuple[str, str]]:
    there = {result.benchmark.removesuffix(MINI) for result in results}
    yield "Benchmarks", ", ".join(benchmark_title(name) for name in BENCHMARKS if name not in there)
    for name in sorted({result.benchmark for result in results}):
        ran = {one.method for one in results if (one.benchmark, one.arm) == (name, MATCHED)}
        left = [method_title(method, MATCHED) for method in METHODS if method not in ran]
        yield f"Methods of Table 1 on {benchmark_title(name)}", ", ".join(left)
    seeds = len({result.seed for result in results})
    yield "Seeds", f"{seeds} ran: nothing is said of another training, which takes {FEWEST}" if seeds < FEWEST else ""
    yield "Arms", ", ".join(f"{arm} ({about})" for arm, about in ARMS.items() if all(one.arm != arm for one in results))
