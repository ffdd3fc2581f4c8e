"""A comparison in one sentence: the verdict, its size, and whether it is about these weights only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from anatomy_r1.comparison.cells import interval_text, p_text, signed
from anatomy_r1.comparison.compare import Analysis, Comparison, HypothesisTest
from anatomy_r1.comparison.systems import System
from anatomy_r1.tables.table import Headline


def headlines(
    analysis: Analysis,
    name: Callable[[System], str] = lambda system: system.marked,
    title: Callable[[str], str] = str,
) -> tuple[Headline, ...]:
    """One headline for each comparison, in order; `name` and `title` give the names of systems and benchmarks."""
    return tuple(_headline(one, analysis.family.metric, name, title) for one in analysis.comparisons)


def _headline(one: Comparison, metric: str, name: Callable[[System], str], title: Callable[[str], str]) -> Headline:
    interval, wide = one.difference(metric).interval, one.retrained
    known = interval.low is not None and interval.high is not None
    return Headline(
        group=f"{title(one.benchmark)}: {metric} minus that of {name(one.baseline)}",
        label=name(one.other),
        sentence=" ".join(_sentences(one, metric)),
        value=100 * interval.mean,
        inner=(100 * float(interval.low or 0), 100 * float(interval.high or 0)) if known else None,
        outer=(100 * wide.low, 100 * wide.high) if wide else None,
        about=(one.benchmark, one.baseline.name, one.other.name),
    )


def _sentences(one: Comparison, metric: str) -> Iterator[str]:
    interval, test = one.difference(metric).interval, one.test
    known = interval.low is not None and interval.high is not None
    bounds = f" {interval_text(float(interval.low or 0), float(interval.high or 0))}" if known else ""
    size = f"{signed(interval.mean)}{bounds} points"
    if test is None:
        yield f"differs by {size}; outside the family, so not tested."
    elif test.verdict in ("better", "worse"):
        yield f"is {test.verdict}: {size}, p {p_text(test.p)}. {_training(one, test)}"
    elif test.verdict == "underpowered":
        yield f"cannot be told apart on these questions: {size}, p {p_text(test.p)}. {_missed(one, metric)}"
    else:
        yield f"shows no detectable difference: {size}, p {p_text(test.p)}. {_missed(one, metric)}"


def _training(one: Comparison, test: HypothesisTest) -> str:
    """What the verdict says about another training."""
    if not test.of_these_weights:
        return "The interval for another training excludes zero as well."
    if one.retrained is None:
        return "For these weights only: that takes three seeds to say of another training."
    return "For these weights only: the interval for another training includes zero."


def _missed(one: Comparison, metric: str) -> str:
    detectable = one.difference(metric).detectable
    return "" if detectable is None else f"A difference below {100 * detectable:.1f} points could have been missed."
