"""A comparison in a few sentences: the verdict, its size, and whether it is about these weights only.

Verdict and interval may seem to contradict each other: p and the verdict allow for all comparisons of the family
(Holm), the interval is of one comparison alone. Where they do, a sentence says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from anatomy_r1.comparison.cells import interval_text, p_text, signed
from anatomy_r1.comparison.compare import Analysis, Comparison, HypothesisTest
from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.statistics import Verdict
from anatomy_r1.comparison.systems import System
from anatomy_r1.scoring.intervals import Interval
from anatomy_r1.tables.table import Headline

_SAID: Mapping[Verdict, str] = {
    "better": "is better",
    "worse": "is worse",
    "underpowered": "cannot be told apart on these questions",
    "no detectable difference": "shows no detectable difference",
}
_DECIDED = ("better", "worse")


def headlines(
    analysis: Analysis,
    name: Callable[[System], str] = lambda system: system.marked,
    title: Callable[[str], str] = str,
) -> tuple[Headline, ...]:
    """One headline for each comparison, in order; `name` and `title` give the names of systems and benchmarks."""
    return tuple(_headline(one, analysis.family, name, title) for one in analysis.comparisons)


def _headline(one: Comparison, family: Family, name: Callable[[System], str], title: Callable[[str], str]) -> Headline:
    interval, wide = one.difference(family.metric).interval, one.retrained
    return Headline(
        group=f"{title(one.benchmark)}: {family.metric} minus that of {name(one.baseline)}",
        label=name(one.other),
        sentence=" ".join(filter(None, _sentences(one, family))),
        value=100 * interval.mean,
        inner=(100 * bounds[0], 100 * bounds[1]) if (bounds := _bounds(interval)) else None,
        outer=(100 * wide.low, 100 * wide.high) if wide else None,
        about=(one.benchmark, one.baseline.name, one.other.name),
        decided=decided(one),
    )


def decided(one: Comparison) -> bool:
    """Whether these weights are *better* or *worse*, whatever the interval of this comparison alone says."""
    return one.test is not None and one.test.verdict in _DECIDED


def method_decided(one: Comparison) -> bool:
    """The same for the method, where several bases have a say of it; else for these weights."""
    if one.test is not None and one.test.method is not None and len(one.bases) > 1:
        return one.test.method.verdict in _DECIDED
    return decided(one)


def _bounds(interval: Interval) -> tuple[float, float] | None:
    return None if interval.low is None or interval.high is None else (interval.low, interval.high)


def _excludes_zero(interval: Interval) -> bool:
    bounds = _bounds(interval)
    return bounds is not None and not bounds[0] <= 0 <= bounds[1]


def _sentences(one: Comparison, family: Family) -> Iterator[str]:
    interval, test = one.difference(family.metric).interval, one.test
    bounds = _bounds(interval)
    size = f"{signed(interval.mean)}{f' {interval_text(*bounds)}' if bounds else ''} points"
    if test is None:
        yield f"differs by {size}; outside the family, so not tested."
        return
    yield f"{_SAID[test.verdict]}: {size}, p {p_text(test.p)}{_over(family)}."
    if decided(one):
        yield "The verdict goes by the sign-flip test; the interval includes zero." * (not _excludes_zero(interval))
        yield _training(one, test, family)
    else:
        yield _alone(test, family) if _excludes_zero(interval) else ""
        yield _missed(one, family.metric)


def _over(family: Family) -> str:
    return f" (Holm, {len(family.pairs)} comparisons)" if len(family.pairs) > 1 else ""


def _alone(test: HypothesisTest, family: Family) -> str:
    """Why there is no difference beside an interval that excludes zero."""
    if test.flip.p <= family.level:
        return (
            f"Alone, this comparison would be significant (p {p_text(test.flip.p)}), and its interval excludes zero; "
            f"the verdict allows for all {len(family.pairs)} comparisons, the interval does not."
        )
    return "The interval excludes zero; the verdict goes by the sign-flip test, which does not reject."


def _training(one: Comparison, test: HypothesisTest, family: Family) -> str:
    """What the verdict says about another training."""
    if one.retrained is None:
        return (
            "For these weights only: another training takes three seeds (of several bases, three, each under all of "
            "the seeds) to be judged."
        )
    if one.retrained.low <= 0 <= one.retrained.high:
        return "For these weights only: the interval for another training includes zero."
    if test.method and test.method.p > family.level:
        over = f"allowing for all {len(family.pairs)} comparisons, that is not enough (p {p_text(test.method.p)})"
        return f"For these weights only: the interval for another training, alone, excludes zero as well, but {over}."
    return "The interval for another training excludes zero as well."


def _missed(one: Comparison, metric: str) -> str:
    detectable = one.difference(metric).detectable
    return "" if detectable is None else f"A difference below {100 * detectable:.1f} points could have been missed."
